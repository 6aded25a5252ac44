import java.io.FileWriter;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;

/**
 * What a migration does to a broker through the Java clients.
 *
 * fill BOOTSTRAP FEATURES        makes topics, records, groups and settings of every kind
 * add BOOTSTRAP WORD FEATURES    writes more, with what every broker of the journey has
 * state BOOTSTRAP FILE FEATURES writes down all that a client can see, one fact a line, sorted
 *
 * obstacles BOOTSTRAP share|topics FEATURES   makes what cannot be taken over, in a cluster of two brokers
 *
 * FEATURES are words with commas between them: security, transactions, modern (consumer groups of KIP-848), share.
 */
public final class Main {
    public static void main(String[] words) throws Exception {
        String bootstrap = words[1];
        List<String> features = Arrays.asList(words[words.length - 1].split(","));
        switch (words[0]) {
            case "fill" -> new Filling(bootstrap, features).run();
            case "add" -> new Adding(bootstrap, words[2]).run();
            case "state" -> {
                try (PrintWriter file = new PrintWriter(new FileWriter(words[2]))) {
                    new State(bootstrap, features).lines().forEach(file::println);
                }
            }
            case "obstacles" -> new Obstacles(bootstrap).make(words[2]);
            default -> throw new IllegalArgumentException(words[0]);
        }
        System.out.println("done");
        System.out.flush();
        // An open transaction stays open: no producer of this process is closed by its end.
        Runtime.getRuntime().halt(0);
    }
}
