import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Makes topics, records, groups and settings of every kind. */
final class Filling {
    private final String bootstrap;
    private final List<String> features;

    Filling(String bootstrap, List<String> features) {
        this.bootstrap = bootstrap;
        this.features = features;
    }

    void run() throws Exception {
        try (Admin admin = Clients.admin(bootstrap)) {
            topics(admin);
            new Settings(admin, features).make();
            codecs();
            segments();
            compacted();
            if (features.contains("transactions")) transactions();
            admin.deleteRecords(Map.of(new TopicPartition("segments", 0), RecordsToDelete.beforeOffset(7))).all().get();
            groups();
        }
    }

    private void topics(Admin admin) throws Exception {
        List<NewTopic> topics = new ArrayList<>(List.of(
                new NewTopic("codecs", 5, (short) 1).configs(Map.of("retention.ms", "-1")),
                new NewTopic("segments", 2, (short) 1).configs(
                        Map.of("segment.bytes", "1048576", "retention.ms", "-1", "index.interval.bytes", "1024")),
                new NewTopic("append-time", 1, (short) 1).configs(
                        Map.of("message.timestamp.type", "LogAppendTime", "compression.type", "lz4")),
                new NewTopic("compacted", 1, (short) 1).configs(Map.of(
                        "cleanup.policy", "compact", "segment.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01",
                        "delete.retention.ms", "1")),
                new NewTopic("name.with_all-of.them", 3, (short) 1).configs(Map.of("max.message.bytes", "2000000", "retention.ms", "-1"))));
        if (features.contains("transactions")) {
            topics.add(new NewTopic("transactions", 3, (short) 1).configs(Map.of("retention.ms", "-1")));
        }
        admin.createTopics(topics).all().get();
    }

    private void codecs() {
        for (int partition = 0; partition < Clients.CODECS.size(); partition++) {
            try (KafkaProducer<byte[], byte[]> producer = Clients.producer(
                    bootstrap, "compression.type", Clients.CODECS.get(partition), "enable.idempotence", partition % 2 == 0)) {
                for (int n = 0; n < 60; n++) producer.send(Clients.record("codecs", partition, "kafka", n));
                for (int n = 0; n < 20; n++) producer.send(Clients.record("append-time", 0, "kafka", n));
                producer.flush();
                for (int n = 60; n < 90; n++) producer.send(Clients.record("codecs", partition, "kafka", n));
            }
        }
    }

    /** Several segments, by one idempotent producer. */
    private void segments() {
        try (KafkaProducer<byte[], byte[]> producer = Clients.producer(bootstrap, "linger.ms", 0)) {
            for (int n = 0; n < 300; n++) {
                byte[] value = new byte[8000];
                Arrays.fill(value, (byte) n);
                producer.send(new ProducerRecord<>("segments", n % 2, Clients.FIRST_TIMESTAMP + n, Clients.bytes("" + n), value));
                if (n % 10 == 0) producer.flush();
            }
        }
    }

    /** Some keys again and again, until the cleaner has been there; then it is asked to stay away. */
    private void compacted() throws Exception {
        TopicPartition partition = new TopicPartition("compacted", 0);
        try (KafkaProducer<byte[], byte[]> producer = Clients.producer(bootstrap)) {
            for (int n = 0; n < 400; n++) {
                byte[] value = new byte[8000];
                Arrays.fill(value, (byte) n);
                byte[] key = Clients.bytes("key " + n % 20);
                producer.send(new ProducerRecord<>("compacted", 0, System.currentTimeMillis(), key, n % 19 == 18 ? null : value));
                if (n % 7 == 0) producer.flush();
            }
        }
        try (KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(bootstrap)) {
            consumer.assign(List.of(partition));
            long end = System.currentTimeMillis() + 60_000;
            while (true) {
                consumer.seekToBeginning(List.of(partition));
                List<ConsumerRecord<byte[], byte[]>> first = consumer.poll(Duration.ofSeconds(2)).records(partition);
                if (!first.isEmpty() && first.get(0).offset() > 0) break;
                if (System.currentTimeMillis() > end) throw new AssertionError("the cleaner did not come within a minute");
            }
        }
    }

    private void transactions() throws Exception {
        KafkaProducer<byte[], byte[]> producer = transactional("mover");
        for (String outcome : List.of("committed", "aborted", "committed again")) {
            producer.beginTransaction();
            for (int n = 0; n < 30; n++) producer.send(Clients.record("transactions", n % 2, outcome, n));
            // What was never sent would only be forgotten by an abort.
            producer.flush();
            if (outcome.startsWith("committed")) {
                Map<TopicPartition, OffsetAndMetadata> offsets =
                        Map.of(new TopicPartition("codecs", 0), new OffsetAndMetadata(outcome.length(), outcome));
                producer.sendOffsetsToTransaction(offsets, new org.apache.kafka.clients.consumer.ConsumerGroupMetadata("in-transaction"));
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        }
        try (KafkaProducer<byte[], byte[]> plain = Clients.producer(bootstrap)) {
            for (int n = 0; n < 10; n++) plain.send(Clients.record("transactions", n % 3, "plain", n));
        }
        // Left open on partitions 0 and 2; what comes behind it is not stable.
        KafkaProducer<byte[], byte[]> open = transactional("left-open");
        open.beginTransaction();
        for (int n = 0; n < 12; n++) open.send(Clients.record("transactions", n % 2 * 2, "open", n)).get();
        try (KafkaProducer<byte[], byte[]> plain = Clients.producer(bootstrap)) {
            for (int n = 0; n < 10; n++) plain.send(Clients.record("transactions", n % 3, "behind", n));
        }
    }

    private KafkaProducer<byte[], byte[]> transactional(String id) {
        KafkaProducer<byte[], byte[]> producer =
                Clients.producer(bootstrap, "transactional.id", id, "transaction.timeout.ms", 900_000, "compression.type", "snappy");
        producer.initTransactions();
        return producer;
    }

    private void groups() {
        List<String> protocols = features.contains("modern") ? List.of("classic", "consumer") : List.of("classic");
        for (String protocol : protocols) {
            Map<String, Object> more = new HashMap<>(Map.of("group.id", "readers." + protocol));
            if (protocol.equals("consumer")) more.put("group.protocol", "consumer");
            Object[] settings = more.entrySet().stream().flatMap(e -> java.util.stream.Stream.of(e.getKey(), e.getValue())).toArray();
            try (KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(bootstrap, settings)) {
                consumer.subscribe(Set.of("codecs", "segments"));
                int count = 0;
                while (count < 200) count += consumer.poll(Duration.ofSeconds(1)).count();
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (int p = 0; p < 5; p++) {
                    offsets.put(new TopicPartition("codecs", p), new OffsetAndMetadata(10 + p, Optional.of(0), "note " + p));
                }
                offsets.put(new TopicPartition("segments", 1), new OffsetAndMetadata(33));
                consumer.commitSync(offsets);
            }
        }
    }
}
