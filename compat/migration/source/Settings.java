import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Dynamic configurations, ACLs, SCRAM users and quotas. */
final class Settings {
    private final Admin admin;
    private final List<String> features;

    Settings(Admin admin, List<String> features) {
        this.admin = admin;
        this.features = features;
    }

    void make() throws Exception {
        set(new ConfigResource(ConfigResource.Type.BROKER, "1"), "log.cleaner.threads", "2");
        set(new ConfigResource(ConfigResource.Type.BROKER, ""), "message.max.bytes", "1500000");
        if (features.contains("modern")) {
            set(new ConfigResource(ConfigResource.Type.GROUP, "readers.consumer"), "consumer.session.timeout.ms", "50000");
            set(new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "watch"), "interval.ms", "60000");
        }
        if (features.contains("security")) security();
    }

    private void security() throws Exception {
        List<AclBinding> acls = new ArrayList<>();
        for (String user : List.of("alice", "bob", "C=DE,O=a\\b")) {
            for (PatternType pattern : List.of(PatternType.LITERAL, PatternType.PREFIXED)) {
                acls.add(new AclBinding(
                        new ResourcePattern(ResourceType.TOPIC, "codecs", pattern),
                        new AccessControlEntry("User:" + user, "*", AclOperation.READ, AclPermissionType.ALLOW)));
            }
        }
        acls.add(new AclBinding(
                new ResourcePattern(ResourceType.CLUSTER, "kafka-cluster", PatternType.LITERAL),
                new AccessControlEntry("User:mallory", "10.0.0.1", AclOperation.ALTER, AclPermissionType.DENY)));
        admin.createAcls(acls).all().get();
        for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
            List<UserScramCredentialAlteration> users = new ArrayList<>();
            for (String user : List.of("alice", "bob")) {
                users.add(new UserScramCredentialUpsertion(user, new ScramCredentialInfo(mechanism, 4096), user + "-secret"));
            }
            admin.alterUserScramCredentials(users).all().get();
        }
        ClientQuotaEntity both = new ClientQuotaEntity(
                Map.of(ClientQuotaEntity.USER, "alice", ClientQuotaEntity.CLIENT_ID, "reader"));
        java.util.HashMap<String, String> nobody = new java.util.HashMap<>();
        nobody.put(ClientQuotaEntity.USER, null);
        admin.alterClientQuotas(List.of(
                new ClientQuotaAlteration(both, List.of(
                        new ClientQuotaAlteration.Op("producer_byte_rate", 1e6), new ClientQuotaAlteration.Op("request_percentage", 12.5))),
                new ClientQuotaAlteration(new ClientQuotaEntity(nobody), List.of(
                        new ClientQuotaAlteration.Op("consumer_byte_rate", 2e6))),
                new ClientQuotaAlteration(new ClientQuotaEntity(Map.of(ClientQuotaEntity.IP, "10.1.2.3")), List.of(
                        new ClientQuotaAlteration.Op("connection_creation_rate", 50.0))))).all().get();
    }

    private void set(ConfigResource resource, String key, String value) throws Exception {
        admin.incrementalAlterConfigs(Map.of(
                resource, List.of(new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET)))).all().get();
    }
}
