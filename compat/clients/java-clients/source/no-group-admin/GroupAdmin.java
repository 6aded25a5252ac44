import org.apache.kafka.clients.admin.AdminClient;

/** Before 2.0 the AdminClient knows nothing of groups. */
final class GroupAdmin {
    private GroupAdmin() {}

    static void perform(AdminClient client, String[] words, StringBuilder answer) {
        throw new UnsupportedOperationException(words[0]);
    }
}
