import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.server.log.remote.storage.LogSegmentData;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentMetadata;
import org.apache.kafka.server.log.remote.storage.RemoteStorageManager;

/** A remote store that keeps nothing: a topic is tiered with it by name alone, which is what a take-over looks at. */
public final class NoStore implements RemoteStorageManager {
    @Override public void configure(Map<String, ?> configs) {}

    @Override public void close() {}

    @Override public Optional<RemoteLogSegmentMetadata.CustomMetadata> copyLogSegmentData(
            RemoteLogSegmentMetadata metadata, LogSegmentData data) {
        return Optional.empty();
    }

    @Override public InputStream fetchLogSegment(RemoteLogSegmentMetadata metadata, int start) {
        return new ByteArrayInputStream(new byte[0]);
    }

    @Override public InputStream fetchLogSegment(RemoteLogSegmentMetadata metadata, int start, int end) {
        return new ByteArrayInputStream(new byte[0]);
    }

    @Override public InputStream fetchIndex(RemoteLogSegmentMetadata metadata, IndexType type) {
        return new ByteArrayInputStream(new byte[0]);
    }

    @Override public void deleteLogSegmentData(RemoteLogSegmentMetadata metadata) {}
}
