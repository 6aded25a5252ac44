import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * A Kafka client that does what its standard input says, one command a line, and answers with lines that end in
 * "done N" or "error N CLASS: message", N being the number of the command. One source for every release of kafka-clients: what the releases do not share stands
 * in the folders beside this one.
 */
public final class Agent {
    static final long SECONDS = 30;
    private final Properties common;
    private final BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    private final Map<String, Member> members = new HashMap<>();
    private KafkaConsumer<byte[], byte[]> reader;
    private Admin admin;

    private Agent(Properties common) {
        this.common = common;
    }

    public static void main(String[] arguments) throws Exception {
        Properties common = new Properties();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            common.setProperty(argument.substring(0, equals), argument.substring(equals + 1));
        }
        new Agent(common).run();
    }

    private void run() throws Exception {
        String line;
        long number = 0;
        while ((line = input.readLine()) != null) {
            String[] words = line.split(" ");
            number++;
            StringBuilder answer = new StringBuilder();
            try {
                perform(words, answer);
                answer.append("done ").append(number).append('\n');
            } catch (Throwable problem) {
                Throwable cause = problem;
                while (cause instanceof java.util.concurrent.ExecutionException && cause.getCause() != null) {
                    cause = cause.getCause();
                }
                String text = cause.getClass().getSimpleName() + ": " + cause.getMessage();
                answer = new StringBuilder("error ").append(number).append(' ').append(text.replace('\n', ' ')).append('\n');
            }
            System.out.print(answer);
            System.out.flush();
        }
        for (Member member : members.values()) {
            member.close();
        }
        // A producer or admin that failed may leave threads behind.
        System.exit(0);
    }

    private void perform(String[] words, StringBuilder answer) throws Exception {
        switch (words[0]) {
            case "produce": produce(words[1], words[2], words[3], Integer.parseInt(words[4]), answer); break;
            case "consume": consume(words[1], Integer.parseInt(words[2]), words[3], words[4], answer); break;
            case "bounds": bounds(partition(words), answer); break;
            case "at": offsetAt(partition(words), Long.parseLong(words[3]), answer); break;
            case "partitions": partitions(words[1], answer); break;
            case "attempt": attempt(words); break;
            case "join": members.put(words[1], new Member(configuration(), words)); break;
            case "assignment": members.get(words[1]).tellAssignment(answer); break;
            case "taken": members.get(words[1]).tellTaken(Integer.parseInt(words[2]), answer); break;
            case "commit": members.get(words[1]).commit(); break;
            case "leave": members.remove(words[1]).close(); break;
            default:
                if (admin == null) {
                    admin = new Admin(configuration());
                }
                admin.perform(words, answer);
        }
    }

    private Properties configuration(String... pairs) {
        Properties chosen = new Properties();
        chosen.putAll(common);
        for (int i = 0; i < pairs.length; i += 2) {
            chosen.setProperty(pairs[i], pairs[i + 1]);
        }
        return chosen;
    }

    private static TopicPartition partition(String[] words) {
        return new TopicPartition(words[1], Integer.parseInt(words[2]));
    }

    static Properties serializers(Properties chosen) {
        String stem = "org.apache.kafka.common.serialization.ByteArray";
        chosen.setProperty("key.serializer", stem + "Serializer");
        chosen.setProperty("value.serializer", stem + "Serializer");
        chosen.setProperty("key.deserializer", stem + "Deserializer");
        chosen.setProperty("value.deserializer", stem + "Deserializer");
        return chosen;
    }

    // Produce and consume

    private void produce(String topic, String codec, String mode, int count, StringBuilder answer) throws Exception {
        List<String[]> lines = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            lines.add(input.readLine().split(" "));
        }
        Properties chosen = configuration("compression.type", codec, "linger.ms", "20");
        boolean idempotent = mode.equals("idempotent");
        chosen.setProperty("acks", idempotent ? "all" : mode.substring("acks-".length()));
        chosen.setProperty("enable.idempotence", Boolean.toString(idempotent));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(serializers(chosen))) {
            for (String[] words : lines) {
                Integer partition = words[0].equals("-") ? null : Integer.valueOf(words[0]);
                Long timestamp = words[1].equals("-") ? null : Long.valueOf(words[1]);
                ProducerRecord<byte[], byte[]> record = Headers.record(
                    topic, partition, timestamp, Text.bytes(words[2]), Text.bytes(words[3]), words[4]);
                sent.add(producer.send(record));
            }
            producer.flush();
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata where = future.get(SECONDS, TimeUnit.SECONDS);
                answer.append("at ").append(where.partition()).append(' ').append(where.offset()).append('\n');
            }
        }
    }

    private void consume(String topic, int count, String reset, String positions, StringBuilder answer) {
        Properties chosen = configuration(
            "enable.auto.commit", "false", "auto.offset.reset", reset.equals("error") ? "none" : reset, "check.crcs", "true",
            // close() waits for the fetch that is under way.
            "fetch.max.wait.ms", "50");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(serializers(chosen))) {
            Map<TopicPartition, Long> starts = new HashMap<>();
            for (String pair : positions.split(",")) {
                int colon = pair.indexOf(':');
                starts.put(new TopicPartition(topic, Integer.parseInt(pair.substring(0, colon))),
                           Long.valueOf(pair.substring(colon + 1)));
            }
            consumer.assign(starts.keySet());
            for (Map.Entry<TopicPartition, Long> start : starts.entrySet()) {
                consumer.seek(start.getKey(), start.getValue());
            }
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
            int got = 0;
            while (got < count) {
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer, 200)) {
                    if (got++ < count) {
                        tell(record, answer);
                    }
                }
                if (System.nanoTime() > end) {
                    throw new IllegalStateException(got + " of " + count + " records came");
                }
            }
        }
    }

    /** poll(long) until 3.9, poll(Duration) since 2.0. */
    @SuppressWarnings("unchecked")
    static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer, long milliseconds) {
        try {
            try {
                Object timeout = java.time.Duration.ofMillis(milliseconds);
                return (ConsumerRecords<byte[], byte[]>)
                    KafkaConsumer.class.getMethod("poll", java.time.Duration.class).invoke(consumer, timeout);
            } catch (NoSuchMethodException before2) {
                return (ConsumerRecords<byte[], byte[]>)
                    KafkaConsumer.class.getMethod("poll", long.class).invoke(consumer, milliseconds);
            }
        } catch (java.lang.reflect.InvocationTargetException wrapped) {
            if (wrapped.getCause() instanceof RuntimeException) {
                throw (RuntimeException) wrapped.getCause();
            }
            throw new IllegalStateException(wrapped.getCause());
        } catch (ReflectiveOperationException problem) {
            throw new IllegalStateException(problem);
        }
    }

    static void tell(ConsumerRecord<byte[], byte[]> record, StringBuilder answer) {
        answer.append("record ").append(record.topic()).append(' ').append(record.partition()).append(' ')
            .append(record.offset()).append(' ').append(record.timestamp()).append(' ').append(Text.text(record.key()))
            .append(' ').append(Text.text(record.value())).append(' ').append(Headers.text(record)).append('\n');
    }

    // Questions

    private KafkaConsumer<byte[], byte[]> reader() {
        if (reader == null) {
            reader = new KafkaConsumer<>(serializers(configuration("enable.auto.commit", "false")));
        }
        return reader;
    }

    private void bounds(TopicPartition where, StringBuilder answer) {
        long start = reader().beginningOffsets(Arrays.asList(where)).get(where);
        long end = reader().endOffsets(Arrays.asList(where)).get(where);
        answer.append("bounds ").append(start).append(' ').append(end).append('\n');
    }

    private void offsetAt(TopicPartition where, long timestamp, StringBuilder answer) {
        Map<TopicPartition, Long> asked = new HashMap<>();
        asked.put(where, timestamp);
        OffsetAndTimestamp found = reader().offsetsForTimes(asked).get(where);
        answer.append("offset ").append(found == null ? "-" : Long.toString(found.offset())).append('\n');
    }

    private void partitions(String topic, StringBuilder answer) {
        List<PartitionInfo> found;
        // A consumer of its own: it must not remember an older answer.
        try (KafkaConsumer<byte[], byte[]> fresh = new KafkaConsumer<>(
                serializers(configuration("allow.auto.create.topics", "false")))) {
            found = fresh.listTopics().get(topic);
        }
        answer.append("partitions ").append(found == null ? 0 : found.size()).append('\n');
    }

    /** attempt SECONDS key=value...: lists the topics with these settings in place of the common ones. */
    private void attempt(String[] words) {
        Properties chosen = new Properties();
        for (String pair : Arrays.asList(words).subList(2, words.length)) {
            chosen.setProperty(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
        String milliseconds = Long.toString(TimeUnit.SECONDS.toMillis(Long.parseLong(words[1])));
        chosen.setProperty("request.timeout.ms", milliseconds);
        chosen.setProperty("default.api.timeout.ms", milliseconds);
        // 0.10 and 1.1 want the request time-out above the session's, though there is no group here.
        chosen.setProperty("session.timeout.ms", "2000");
        chosen.setProperty("heartbeat.interval.ms", "500");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(serializers(chosen))) {
            consumer.listTopics();
        }
    }
}
