import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Record headers, since 0.11. In text: "name:bytes,name:bytes", none at all is "none". */
final class Headers {
    private Headers() {}

    static ProducerRecord<byte[], byte[]> record(
            String topic, Integer partition, Long timestamp, byte[] key, byte[] value, String headers) {
        List<Header> list = new ArrayList<>();
        if (!headers.equals("none")) {
            for (String pair : headers.split(",")) {
                int colon = pair.indexOf(':');
                list.add(new RecordHeader(pair.substring(0, colon), Text.bytes(pair.substring(colon + 1))));
            }
        }
        return new ProducerRecord<>(topic, partition, timestamp, key, value, list);
    }

    static String text(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder text = new StringBuilder();
        for (Header header : record.headers()) {
            text.append(text.length() == 0 ? "" : ",").append(header.key()).append(':').append(Text.text(header.value()));
        }
        return text.length() == 0 ? "none" : text.toString();
    }
}
