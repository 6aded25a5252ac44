import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Numbers from 0 up to `count`, which may be raised; where it stands lies in Connect's offsets topic. */
public class CountingSource extends SourceConnector {
    private Map<String, String> settings;

    @Override public String version() { return "1"; }
    @Override public void start(Map<String, String> settings) { this.settings = settings; }
    @Override public Class<? extends Task> taskClass() { return Counter.class; }
    @Override public List<Map<String, String>> taskConfigs(int most) { return List.of(settings); }
    @Override public void stop() { }

    @Override public ConfigDef config() {
        return new ConfigDef()
            .define("topic", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "where to")
            .define("count", ConfigDef.Type.LONG, ConfigDef.Importance.HIGH, "how far");
    }

    public static class Counter extends SourceTask {
        private static final Map<String, String> PARTITION = Map.of("counter", "only");
        private String topic;
        private long next, count;

        @Override public String version() { return "1"; }

        @Override public void start(Map<String, String> settings) {
            topic = settings.get("topic");
            count = Long.parseLong(settings.get("count"));
            Map<String, Object> offset = context.offsetStorageReader().offset(PARTITION);
            next = offset == null ? 0 : (Long) offset.get("next");
        }

        @Override public List<SourceRecord> poll() throws InterruptedException {
            if (next >= count) {
                Thread.sleep(50);
                return null;
            }
            List<SourceRecord> records = new ArrayList<>();
            while (next < count && records.size() < 50) {
                String number = Long.toString(next);
                next++;
                records.add(new SourceRecord(PARTITION, Map.of("next", next), topic, null, Schema.STRING_SCHEMA, number,
                    Schema.STRING_SCHEMA, "number " + number));
            }
            return records;
        }

        @Override public void stop() { }
    }
}
