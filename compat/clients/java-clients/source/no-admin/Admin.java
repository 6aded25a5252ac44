import java.util.Properties;

/** Before 0.11 there is no AdminClient. */
final class Admin {
    Admin(Properties chosen) {}

    void perform(String[] words, StringBuilder answer) {
        throw new UnsupportedOperationException(words[0]);
    }
}
