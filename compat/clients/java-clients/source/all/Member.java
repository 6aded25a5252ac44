import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** A member of a group: its thread polls until it is closed. join ID GROUP topics|pattern LIST INSTANCE STRATEGY */
final class Member implements ConsumerRebalanceListener {
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;
    private final boolean cooperative;
    private final List<String> taken = new ArrayList<>();
    private final Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
    private Set<TopicPartition> held = new HashSet<>();
    private final List<Integer> history = new ArrayList<>();
    private int rebalances;
    private volatile boolean closing;
    private volatile CountDownLatch committing;
    private volatile RuntimeException problem;

    Member(Properties chosen, String[] words) {
        chosen.setProperty("group.id", words[2]);
        chosen.setProperty("enable.auto.commit", "false");
        chosen.setProperty("auto.offset.reset", "earliest");
        chosen.setProperty("session.timeout.ms", "6000");
        chosen.setProperty("heartbeat.interval.ms", "300");
        chosen.setProperty("metadata.max.age.ms", "1000");
        if (!words[5].equals("-")) {
            chosen.setProperty("group.instance.id", words[5]);
        }
        cooperative = words[6].equals("cooperative-sticky");
        chosen.setProperty("partition.assignment.strategy", "org.apache.kafka.clients.consumer."
            + (cooperative ? "CooperativeStickyAssignor" : "RangeAssignor"));
        consumer = new KafkaConsumer<>(Agent.serializers(chosen));
        if (words[3].equals("pattern")) {
            consumer.subscribe(Pattern.compile(words[4]), this);
        } else {
            consumer.subscribe(Arrays.asList(words[4].split(",")), this);
        }
        thread = new Thread(this::live);
        thread.setDaemon(true);
        thread.start();
    }

    private void live() {
        try {
            while (!closing) {
                for (ConsumerRecord<byte[], byte[]> record : Agent.poll(consumer, 100)) {
                    StringBuilder line = new StringBuilder();
                    Agent.tell(record, line);
                    synchronized (this) {
                        taken.add(line.toString());
                        positions.put(new TopicPartition(record.topic(), record.partition()),
                                      new OffsetAndMetadata(record.offset() + 1));
                    }
                }
                CountDownLatch asked = committing;
                if (asked != null) {
                    committing = null;
                    positions.keySet().retainAll(held);
                    consumer.commitSync(positions);
                    asked.countDown();
                }
            }
        } catch (RuntimeException failure) {
            problem = failure;
        } finally {
            // No LeaveGroup for a static member, by Kafka's own rule.
            consumer.close();
        }
    }

    @Override
    public synchronized void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        held = new HashSet<>(held);
        held.removeAll(partitions);
        if (cooperative) {
            history.add(held.size());
        }
    }

    @Override
    public synchronized void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        Set<TopicPartition> now = new HashSet<>(partitions);
        if (cooperative) {
            now.addAll(held);
        }
        held = now;
        history.add(held.size());
        rebalances++;
    }

    synchronized void tellAssignment(StringBuilder answer) {
        if (problem != null) {
            throw problem;
        }
        for (TopicPartition one : held) {
            answer.append("holds ").append(one.topic()).append(' ').append(one.partition()).append('\n');
        }
        answer.append("rebalances ").append(rebalances).append('\n').append("history");
        for (int size : history) {
            answer.append(' ').append(size);
        }
        answer.append('\n');
    }

    synchronized void tellTaken(int from, StringBuilder answer) {
        for (String line : taken.subList(from, taken.size())) {
            answer.append(line);
        }
    }

    void commit() throws InterruptedException {
        CountDownLatch asked = new CountDownLatch(1);
        committing = asked;
        if (!asked.await(Agent.SECONDS, TimeUnit.SECONDS)) {
            throw problem != null ? problem : new IllegalStateException("no commit within " + Agent.SECONDS + " s");
        }
    }

    void close() throws InterruptedException {
        closing = true;
        thread.join();
    }
}
