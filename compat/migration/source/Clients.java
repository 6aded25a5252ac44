import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Clients with the settings that all of this needs. */
final class Clients {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

    static Admin admin(String bootstrap) {
        return Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 60_000));
    }

    static KafkaProducer<byte[], byte[]> producer(String bootstrap, Object... settings) {
        Map<String, Object> values = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap, "acks", "all", "linger.ms", 50, "delivery.timeout.ms", 60_000,
                "request.timeout.ms", 20_000));
        for (int i = 0; i < settings.length; i += 2) values.put((String) settings[i], settings[i + 1]);
        return new KafkaProducer<>(values, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Object... settings) {
        Map<String, Object> values = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap, "enable.auto.commit", false, "auto.offset.reset", "earliest",
                "max.poll.records", 5000));
        for (int i = 0; i < settings.length; i += 2) values.put((String) settings[i], settings[i + 1]);
        return new KafkaConsumer<>(values, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** The n-th record of a series: some without key, some without value, some with headers. */
    static ProducerRecord<byte[], byte[]> record(String topic, int partition, String word, int n) {
        byte[] key = n % 5 == 4 ? null : bytes(word + "-" + n);
        byte[] value = n % 7 == 6 && key != null ? null : bytes((word + " " + n + " ").repeat(1 + n % 40));
        List<Header> headers = n % 3 != 0 ? List.of()
                : List.of(new RecordHeader("number", bytes("" + n)), new RecordHeader("nothing", null), new RecordHeader("", new byte[0]));
        return new ProducerRecord<>(topic, partition, FIRST_TIMESTAMP + n * 1000L, key, value, headers);
    }
}
