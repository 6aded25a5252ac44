import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;

/** IncrementalAlterConfigs, since 2.3. */
final class Alter {
    private Alter() {}

    static KafkaFuture<Void> topic(AdminClient client, ConfigResource topic, ConfigEntry entry) {
        Collection<AlterConfigOp> change = Collections.singleton(new AlterConfigOp(entry, AlterConfigOp.OpType.SET));
        Map<ConfigResource, Collection<AlterConfigOp>> all = Collections.singletonMap(topic, change);
        return client.incrementalAlterConfigs(all).all();
    }
}
