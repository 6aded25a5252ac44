import java.util.Collections;
import java.util.Map;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** What the AdminClient does with groups since 2.0. */
final class GroupAdmin {
    private GroupAdmin() {}

    static void perform(AdminClient client, String[] words, StringBuilder answer) throws Exception {
        switch (words[0]) {
            case "list-groups":
                for (ConsumerGroupListing listed : Admin.await(client.listConsumerGroups().all())) {
                    answer.append("group ").append(listed.groupId()).append('\n');
                }
                break;
            case "describe-group":
                ConsumerGroupDescription found =
                    Admin.await(client.describeConsumerGroups(Collections.singleton(words[1])).all()).get(words[1]);
                answer.append("state ").append(found.state()).append(' ').append(found.members().size()).append('\n');
                break;
            case "group-offsets":
                Map<TopicPartition, OffsetAndMetadata> offsets =
                    Admin.await(client.listConsumerGroupOffsets(words[1]).partitionsToOffsetAndMetadata());
                for (Map.Entry<TopicPartition, OffsetAndMetadata> one : offsets.entrySet()) {
                    answer.append("committed ").append(one.getKey().topic()).append(' ').append(one.getKey().partition())
                        .append(' ').append(one.getValue().offset()).append('\n');
                }
                break;
            case "delete-group":
                Admin.await(client.deleteConsumerGroups(Collections.singleton(words[1])).all());
                break;
            default:
                throw new UnsupportedOperationException(words[0]);
        }
    }
}
