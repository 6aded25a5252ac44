import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Writes more, with what every broker of the journey has. */
final class Adding {
    private final String bootstrap, word;

    Adding(String bootstrap, String word) {
        this.bootstrap = bootstrap;
        this.word = word;
    }

    void run() throws Exception {
        try (Admin admin = Clients.admin(bootstrap)) {
            admin.createTopics(List.of(new NewTopic("made-by-" + word, 4, (short) 1).configs(Map.of("retention.ms", "-1")))).all().get();
            admin.incrementalAlterConfigs(Map.of(
                    new ConfigResource(ConfigResource.Type.TOPIC, "codecs"),
                    List.of(new AlterConfigOp(new ConfigEntry("max.message.bytes", "1100000"), AlterConfigOp.OpType.SET)))).all().get();
        }
        List<String> topics = List.of("codecs", "segments", "append-time", "name.with_all-of.them", "made-by-" + word);
        int[] partitions = {5, 2, 1, 3, 4};
        for (int codec = 0; codec < Clients.CODECS.size(); codec++) {
            try (KafkaProducer<byte[], byte[]> producer = Clients.producer(bootstrap, "compression.type", Clients.CODECS.get(codec))) {
                for (int t = 0; t < topics.size(); t++) {
                    for (int n = 0; n < 40; n++) {
                        producer.send(Clients.record(topics.get(t), (codec + n) % partitions[t], word + "." + codec, n));
                        if (n % 8 == 7) producer.flush();
                    }
                }
            }
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (int p = 0; p < 3; p++) offsets.put(new TopicPartition("codecs", p), new OffsetAndMetadata(20 + p, word));
        offsets.put(new TopicPartition("made-by-" + word, 1), new OffsetAndMetadata(5));
        for (String group : List.of("readers.classic", "made-by-" + word)) {
            try (KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(bootstrap, "group.id", group)) {
                consumer.assign(offsets.keySet());
                consumer.commitSync(offsets);
            }
        }
    }
}
