import java.util.Collections;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;

/** AlterConfigs replaces the whole configuration; it is all there is before 2.3. */
final class Alter {
    private Alter() {}

    static KafkaFuture<Void> topic(AdminClient client, ConfigResource topic, ConfigEntry entry) {
        return client.alterConfigs(Collections.singletonMap(topic, new Config(Collections.singleton(entry)))).all();
    }
}
