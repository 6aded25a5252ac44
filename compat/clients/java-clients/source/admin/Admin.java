import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** AdminClient, as 1.1 and all later releases have it. */
final class Admin {
    private final AdminClient client;

    Admin(Properties chosen) {
        client = AdminClient.create(chosen);
    }

    static <T> T await(KafkaFuture<T> future) throws Exception {
        return future.get(Agent.SECONDS, TimeUnit.SECONDS);
    }

    void perform(String[] words, StringBuilder answer) throws Exception {
        ConfigResource topic = words.length > 1 ? new ConfigResource(ConfigResource.Type.TOPIC, words[1]) : null;
        switch (words[0]) {
            case "create":
                Map<String, String> configs = new HashMap<>();
                for (int i = 3; i + 1 < words.length; i += 2) {
                    configs.put(words[i], words[i + 1]);
                }
                NewTopic fresh = new NewTopic(words[1], Integer.parseInt(words[2]), (short) 1).configs(configs);
                await(client.createTopics(Collections.singleton(fresh)).all());
                break;
            case "delete":
                await(client.deleteTopics(Collections.singleton(words[1])).all());
                break;
            case "grow":
                await(client.createPartitions(Collections.singletonMap(
                    words[1], NewPartitions.increaseTo(Integer.parseInt(words[2])))).all());
                break;
            case "configs":
                Config found = await(client.describeConfigs(Collections.singleton(topic)).all()).get(topic);
                for (ConfigEntry entry : found.entries()) {
                    answer.append("config ").append(entry.name()).append(' ').append(entry.value()).append('\n');
                }
                break;
            case "alter":
                await(Alter.topic(client, topic, new ConfigEntry(words[2], words[3])));
                break;
            case "truncate":
                TopicPartition where = new TopicPartition(words[1], Integer.parseInt(words[2]));
                await(client.deleteRecords(Collections.singletonMap(
                    where, RecordsToDelete.beforeOffset(Long.parseLong(words[3])))).all());
                break;
            case "cluster":
                answer.append("cluster ").append(await(client.describeCluster().clusterId())).append(' ')
                    .append(await(client.describeCluster().nodes()).size()).append('\n');
                break;
            default:
                GroupAdmin.perform(client, words, answer);
        }
    }
}
