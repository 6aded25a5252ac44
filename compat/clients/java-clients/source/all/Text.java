import java.util.Base64;

/** Bytes as a word without blanks: "-" is null, else "." and base64. */
final class Text {
    private Text() {}

    static byte[] bytes(String word) {
        return word.equals("-") ? null : Base64.getDecoder().decode(word.substring(1));
    }

    static String text(byte[] bytes) {
        return bytes == null ? "-" : "." + Base64.getEncoder().encodeToString(bytes);
    }
}
