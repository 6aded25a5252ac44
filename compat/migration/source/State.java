import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/** All that a client can see, one fact a line. What legitimately differs between two starts (leader epochs) is not in it. */
final class State {
    private final String bootstrap;
    private final List<String> features;
    private final List<String> lines = new ArrayList<>();

    State(String bootstrap, List<String> features) {
        this.bootstrap = bootstrap;
        this.features = features;
    }

    List<String> lines() throws Exception {
        try (Admin admin = Clients.admin(bootstrap)) {
            List<TopicPartition> partitions = topics(admin);
            configurations(admin);
            groups(admin);
            if (features.contains("security")) security(admin);
            records(partitions);
        }
        return new ArrayList<>(new TreeSet<>(lines));
    }

    private void say(Object... words) {
        StringBuilder line = new StringBuilder();
        for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word);
        lines.add(line.toString());
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "null" : "'" + Base64.getEncoder().encodeToString(bytes) + "'";
    }

    private List<TopicPartition> topics(Admin admin) throws Exception {
        List<TopicPartition> partitions = new ArrayList<>();
        for (TopicDescription topic : admin.describeTopics(admin.listTopics().names().get()).allTopicNames().get().values()) {
            say("topic", topic.name(), topic.topicId(), topic.partitions().size());
            topic.partitions().forEach(p -> partitions.add(new TopicPartition(topic.name(), p.partition())));
        }
        for (OffsetSpec spec : List.of(OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.maxTimestamp())) {
            Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
            // Coordinators write to their topics by themselves.
            partitions.stream().filter(p -> !p.topic().startsWith("__")).forEach(p -> asked.put(p, spec));
            admin.listOffsets(asked).all().get().forEach(
                    (p, found) -> say("offset", p, spec.getClass().getSimpleName(), found.offset(), found.timestamp()));
        }
        return partitions;
    }

    private void configurations(Admin admin) throws Exception {
        List<ConfigResource> resources = new ArrayList<>();
        for (String topic : admin.listTopics().names().get()) resources.add(new ConfigResource(ConfigResource.Type.TOPIC, topic));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, "1"));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, ""));
        if (features.contains("modern")) {
            resources.add(new ConfigResource(ConfigResource.Type.GROUP, "readers.consumer"));
            resources.add(new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "watch"));
        }
        admin.describeConfigs(resources).all().get().forEach((resource, config) -> {
            for (ConfigEntry entry : config.entries()) {
                if (!entry.source().name().startsWith("DYNAMIC_")) continue;
                say("config", resource.type(), "'" + resource.name() + "'", entry.source(), entry.name(), entry.value());
            }
        });
    }

    private void groups(Admin admin) throws Exception {
        Collection<GroupListing> groups = admin.listGroups().all().get();
        for (GroupListing group : groups) {
            say("group", group.groupId());
            say("group-type", group.groupId(), group.type().map(Object::toString).orElse("-"));
            Map<TopicPartition, OffsetAndMetadata> offsets =
                    admin.listConsumerGroupOffsets(group.groupId()).partitionsToOffsetAndMetadata().get();
            offsets.forEach((p, offset) -> {
                if (offset != null) say("committed", group.groupId(), p, offset.offset(), offset.leaderEpoch(), offset.metadata());
            });
        }
    }

    private void security(Admin admin) throws Exception {
        admin.describeAcls(AclBindingFilter.ANY).values().get().forEach(acl -> say("acl", acl));
        admin.describeUserScramCredentials().all().get().forEach((user, description) ->
                description.credentialInfos().forEach(info -> say("scram", user, info.mechanism(), info.iterations())));
        admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().forEach((entity, values) ->
                say("quota", new TreeMap<>(notNull(entity.entries())), new TreeMap<>(values)));
    }

    private static Map<String, String> notNull(Map<String, String> entries) {
        Map<String, String> shown = new HashMap<>();
        entries.forEach((key, value) -> shown.put(key, value == null ? "<default>" : value));
        return shown;
    }

    // Records

    private void records(List<TopicPartition> all) {
        List<TopicPartition> partitions = all.stream().filter(p -> !p.topic().startsWith("__")).toList();
        try (KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(bootstrap)) {
            consumer.endOffsets(partitions).forEach((p, end) -> say("end", p, end));
            read(consumer, partitions, record -> say(
                    "record", at(record), record.timestampType(), record.timestamp(), text(record.key()), text(record.value()),
                    headers(record)));
            Map<TopicPartition, Long> times = new HashMap<>();
            for (long after : List.of(0L, 5_000L, 59_500L)) {
                // Kafka finds nothing in a log whose first segment compaction has emptied: it takes that segment's file time for a
                // record's. That is no answer to hold another broker to.
                partitions.stream().filter(p -> !p.topic().equals("compacted")).forEach(p -> times.put(p, Clients.FIRST_TIMESTAMP + after));
                Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(times);
                found.forEach((p, offset) -> say("time", p, after, offset == null ? "-" : offset.offset() + " " + offset.timestamp()));
            }
        }
        try (KafkaConsumer<byte[], byte[]> consumer = Clients.consumer(bootstrap, "isolation.level", "read_committed")) {
            consumer.endOffsets(partitions).forEach((p, end) -> say("stable", p, end));
            read(consumer, partitions, record -> say("visible", at(record)));
        }
    }

    private static String at(ConsumerRecord<byte[], byte[]> record) {
        return record.topic() + "-" + record.partition() + "@" + String.format("%06d", record.offset());
    }

    private static String headers(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder text = new StringBuilder();
        for (Header header : record.headers()) text.append(text(Clients.bytes(header.key()))).append('=').append(text(header.value())).append(',');
        return "[" + text + "]";
    }

    private static void read(
            KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> partitions,
            java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> visit) {
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        long deadline = System.currentTimeMillis() + 60_000;
        while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
            consumer.poll(Duration.ofMillis(500)).forEach(visit);
            if (System.currentTimeMillis() > deadline) throw new AssertionError("not read to the end within a minute");
        }
    }
}
