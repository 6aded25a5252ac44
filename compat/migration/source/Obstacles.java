import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What cannot be taken over: a topic with copies on two brokers, a tiered one, a share group that has read. */
final class Obstacles {
    private final String bootstrap;

    Obstacles(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void make(String what) throws Exception {
        try (Admin admin = Clients.admin(bootstrap)) {
            if (what.equals("topics")) {
                admin.createTopics(List.of(new NewTopic("copied", 2, (short) 2))).all().get();
                return;
            }
            admin.createTopics(List.of(
                    new NewTopic("tiered", 1, (short) 1).configs(Map.of("remote.storage.enable", "true")),
                    new NewTopic("plain", 1, (short) 1))).all().get();
            try (KafkaProducer<byte[], byte[]> producer = Clients.producer(bootstrap)) {
                for (int n = 0; n < 20; n++) producer.send(Clients.record("plain", 0, "kafka", n));
            }
            admin.incrementalAlterConfigs(Map.of(
                    new ConfigResource(ConfigResource.Type.GROUP, "sharers"),
                    List.of(new AlterConfigOp(
                            new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)))).all().get();
            share();
        }
    }

    /** Some records are released, so that their delivery has a count to be remembered. */
    private void share() {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", bootstrap, "group.id", "sharers", "share.acknowledgement.mode", "explicit");
        try (KafkaShareConsumer<byte[], byte[]> consumer =
                new KafkaShareConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of("plain"));
            long deadline = System.currentTimeMillis() + 60_000;
            int got = 0;
            while (got == 0) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    consumer.acknowledge(record, got++ % 2 == 0 ? AcknowledgeType.ACCEPT : AcknowledgeType.RELEASE);
                }
                if (System.currentTimeMillis() > deadline) throw new AssertionError("the share group got nothing within a minute");
            }
            consumer.commitSync();
        }
    }
}
