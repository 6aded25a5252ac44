import CommandLineOptions
import EventLoop
import Glibc
import KafkaMessages
import KafkaRecords
import KafkaWire

/// What consumer groups cost a running broker, by its own CPU time (`--pid`), everything in one run:
///
/// - a Heartbeat and an OffsetCommit of one partition beside a Produce of one record of 100 bytes, in alternating rounds over
///   the same connections, one request at a time on each;
/// - with `--groups N`: N groups of three members, each member with a heartbeat every three seconds; memory before and after;
/// - with `--offsets N`: N offset commits, 100 partitions a request, for a start-up to be measured on.
///
/// The broker wants `group.initial.rebalance.delay.ms=0`; nothing else should use it meanwhile.
enum GroupBenchmark {
    static let command = Command(
        "groups", summary: "What heartbeats, commits and idle groups cost a running broker.",
        options: [
            CommandOption("--port", .required("N"), help: "The broker's port on 127.0.0.1."),
            CommandOption("--pid", .required("N"), help: "The broker's process, whose CPU time and memory are read."),
            CommandOption("--requests", .required("N"), help: "Requests in a round, 20000."),
            CommandOption("--groups", .required("N"), help: "Make so many groups of three and let them live for 30 seconds."),
            CommandOption("--offsets", .required("N"), help: "Commit so many offsets, then stop."),
        ])

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func run(_ options: ParsedOptions) throws {
        guard let port = options.value("--port").flatMap({ UInt16($0) }) else { throw Failure(description: "--port N is wanted") }
        guard let pid = options.value("--pid").flatMap({ Int($0) }) else { throw Failure(description: "--pid N is wanted") }
        let process = MeasuredProcess(pid: pid)
        let bench = try GroupBench(port: port, process: process)
        if let count = options.value("--offsets").flatMap({ Int($0) }) { return try bench.commitOffsets(count) }
        if let count = options.value("--groups").flatMap({ Int($0) }) { return try bench.liveGroups(count) }
        try bench.compare(requests: options.value("--requests").flatMap { Int($0) } ?? 20_000)
    }
}

/// CPU time and memory of another process, from /proc.
struct MeasuredProcess {
    let pid: Int

    /// Nanoseconds of all its threads together.
    func cpuNs() -> Double {
        guard let folder = opendir("/proc/\(pid)/task") else { return 0 }
        defer { closedir(folder) }
        var sum = 0.0
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard Int(name) != nil else { continue }
            sum += Self.words("/proc/\(pid)/task/\(name)/schedstat").first.flatMap { Double($0) } ?? 0
        }
        return sum
    }

    func residentBytes() -> Int { (Self.words("/proc/\(pid)/statm").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096 }

    private static func words(_ path: String) -> [Substring] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        guard fgets(&line, 512, file) != nil else { return [] }
        let text = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: text, as: UTF8.self).split { $0 == " " || $0 == "\n" }.map { Substring(String($0)) }
    }
}

private final class GroupBench {
    private let port: UInt16
    private let process: MeasuredProcess
    private let arena = Arena()
    private let topic: WireBytes = "bench-groups"

    init(port: UInt16, process: MeasuredProcess) throws {
        self.port = port
        self.process = process
        let first = try BenchConnection(port: port)
        var metadata = MetadataRequest()
        metadata.topics = WireArray(count: 1, in: arena) { _, asked in asked.name = topic }
        // Made by being asked for; then it takes a moment until it has a leader.
        while try first.ask(metadata, version: 4, { $0.topics[0].errorCode != 0 }) { usleep(20_000) }
        var find = FindCoordinatorRequest()
        find.key = "bench"
        while try first.ask(find, version: 2, { $0.errorCode != 0 }) { usleep(20_000) }
    }

    // MARK: One request of each kind

    func compare(requests: Int) throws {
        let connections = try (0..<32).map { _ in try BenchConnection(port: port) }
        var members: [(group: WireBytes, id: WireBytes)] = []
        for (number, connection) in connections.enumerated() {
            let group = WireBytes(copying: "bench-\(number)", in: arena)
            let id = try join(group, member: "", on: connection)
            try sync(group, member: id, generation: 1, assignedTo: [id], on: connection)
            members.append((group, id))
        }
        let produce = try connections.map { try $0.encode(produceRequest(), version: 7) }
        let heartbeat = try zip(connections, members).map { try $0.encode(heartbeatRequest($1.group, $1.id, 1), version: 3) }
        let commit = try zip(connections, members).map { try $0.encode(commitRequest($1.group, $1.id), version: 7) }
        var costs: [[Double]] = [[], [], []]
        for round in 0..<6 {
            for (kind, frames) in [produce, heartbeat, commit].enumerated() {
                let before = process.cpuNs()
                for _ in 0..<requests / connections.count {
                    for (connection, frame) in zip(connections, frames) { connection.send(frame) }
                    for connection in connections { try connection.discardAnswer() }
                }
                // The first round warms up.
                if round > 0 { costs[kind].append((process.cpuNs() - before) / Double(requests / 32 * 32) / 1000) }
            }
        }
        let medians = costs.map { $0.sorted()[$0.count / 2] }
        print("produce\t\(medians[0].tenths) us")
        print("heartbeat\t\(medians[1].tenths) us\t\((medians[1] / medians[0]).hundredths) of a produce")
        print("commit\t\(medians[2].tenths) us\t\((medians[2] / medians[0]).hundredths) of a produce")
    }

    // MARK: Many groups

    func liveGroups(_ count: Int) throws {
        let connections = try (0..<3).map { _ in try BenchConnection(port: port) }
        let before = process.residentBytes()
        var frames: [[UInt8]] = []
        for number in 0..<count {
            let group = WireBytes(copying: "live-\(number)", in: arena)
            let first = try join(group, member: "", on: connections[0])
            try sync(group, member: first, generation: 1, assignedTo: [first], on: connections[0])
            // The two others wait until the first has joined again: only then the rebalance is over.
            try connections[1].send(joinRequest(group, member: ""), version: 3)
            try connections[2].send(joinRequest(group, member: ""), version: 3)
            try waitForRebalance(group, first, on: connections[0])
            _ = try join(group, member: first, on: connections[0])
            let second = try connections[1].answer(to: JoinGroupRequest.self, version: 3) { try memberId($0) }
            let third = try connections[2].answer(to: JoinGroupRequest.self, version: 3) { try memberId($0) }
            let ids = [first, second, third]
            try sync(group, member: first, generation: 2, assignedTo: ids, on: connections[0])
            try sync(group, member: second, generation: 2, assignedTo: [], on: connections[1])
            try sync(group, member: third, generation: 2, assignedTo: [], on: connections[2])
            for id in ids { frames.append(try connections[0].encode(heartbeatRequest(group, id, 2), version: 3)) }
        }
        let grown = process.residentBytes() - before
        print("\(count) groups of three\t\(grown / max(count, 1)) bytes each")
        try live(frames, on: connections[0])
    }

    /// Ten rounds of three seconds, each member once in each, in slices of ten milliseconds.
    private func live(_ frames: [[UInt8]], on connection: BenchConnection) throws {
        let clock = Clock()
        let start = clock.now()
        let before = process.cpuNs()
        var sent = 0
        while clock.now().milliseconds(since: start) < 30_000 {
            let due = Int(clock.now().milliseconds(since: start)) * frames.count / 3_000
            while sent < due {
                connection.send(frames[sent % frames.count])
                try connection.discardAnswer()
                sent += 1
            }
            usleep(10_000)
        }
        let percent = (process.cpuNs() - before) / 30e9 * 100
        print("\(sent) heartbeats in 30 s\t\(percent.hundredths) % of one core")
    }

    private func waitForRebalance(_ group: WireBytes, _ member: WireBytes, on connection: BenchConnection) throws {
        let request = heartbeatRequest(group, member, 1)
        while try connection.ask(request, version: 3, { $0.errorCode != ErrorCode.rebalanceInProgress.rawValue }) {}
        // Both must be in: the group has three members only then.
        var describe = DescribeGroupsRequest()
        describe.groups = WireArray(copying: [group], in: arena)
        while try connection.ask(describe, version: 4, { $0.groups[0].members.count < 3 }) {}
    }

    // MARK: Many offsets

    func commitOffsets(_ count: Int) throws {
        let connection = try BenchConnection(port: port)
        var create = CreateTopicsRequest()
        create.timeoutMs = 10_000
        create.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.name = "bench-offsets"
            topic.numPartitions = 100
            topic.replicationFactor = 1
        }
        let made = try connection.ask(create, version: 4) { ErrorCode(rawValue: $0.topics[0].errorCode) }
        guard made == .none || made == .topicAlreadyExists else {
            throw GroupBenchmark.Failure(description: "the topic bench-offsets cannot be made: \(made.name ?? "\(made)")")
        }
        for number in 0..<count / 100 {
            let scratch = Arena()
            var commit = OffsetCommitRequest()
            commit.groupId = WireBytes(copying: "offsets-\(number)", in: scratch)
            commit.topics = WireArray(count: 1, in: scratch) { _, topic in
                topic.name = "bench-offsets"
                topic.partitions = WireArray(count: 100, in: scratch) { index, partition in
                    partition.partitionIndex = Int32(index)
                    partition.committedOffset = Int64(number)
                }
            }
            let errors = try connection.ask(commit, version: 7) { $0.topics[0].partitions.filter { $0.errorCode != 0 }.count }
            guard errors == 0 else { throw GroupBenchmark.Failure(description: "\(errors) partitions were refused") }
        }
        print("\(count / 100 * 100) offsets committed")
    }

    // MARK: Requests

    private func joinRequest(_ group: WireBytes, member: WireBytes) -> JoinGroupRequest {
        var request = JoinGroupRequest()
        request.groupId = group
        request.sessionTimeoutMs = 60_000
        request.rebalanceTimeoutMs = 60_000
        request.memberId = member
        request.protocolType = "consumer"
        request.protocols = WireArray(count: 2, in: arena) { index, offered in
            offered.name = index == 0 ? "range" : "cooperative-sticky"
            // Version 1: one topic, no user data, nothing owned.
            offered.metadata = "\0\u{1}\0\0\0\u{1}\0\u{C}bench-groups\0\0\0\0\0\0\0\0"
        }
        return request
    }

    private func memberId(_ response: JoinGroupResponse) throws -> WireBytes {
        guard response.errorCode == 0 else {
            throw GroupBenchmark.Failure(description: "JoinGroup: error \(response.errorCode)")
        }
        return WireBytes(copying: response.memberId, in: arena)
    }

    private func join(_ group: WireBytes, member: WireBytes, on connection: BenchConnection) throws -> WireBytes {
        try connection.ask(joinRequest(group, member: member), version: 3) { try memberId($0) }
    }

    private func sync(
        _ group: WireBytes, member: WireBytes, generation: Int32, assignedTo ids: [WireBytes], on connection: BenchConnection
    ) throws {
        var request = SyncGroupRequest()
        request.groupId = group
        request.generationId = generation
        request.memberId = member
        request.assignments = WireArray(count: ids.count, in: arena) { index, assignment in
            assignment.memberId = ids[index]
            assignment.assignment = "forty bytes, as an assignment may have.."
        }
        let error = try connection.ask(request, version: 3) { $0.errorCode }
        guard error == 0 else { throw GroupBenchmark.Failure(description: "SyncGroup: error \(error)") }
    }

    private func heartbeatRequest(_ group: WireBytes, _ member: WireBytes, _ generation: Int32) -> HeartbeatRequest {
        var request = HeartbeatRequest()
        request.groupId = group
        request.generationId = generation
        request.memberId = member
        return request
    }

    private func commitRequest(_ group: WireBytes, _ member: WireBytes) -> OffsetCommitRequest {
        var request = OffsetCommitRequest()
        request.groupId = group
        request.generationIdOrMemberEpoch = 1
        request.memberId = member
        request.topics = WireArray(count: 1, in: arena) { _, committed in
            committed.name = topic
            committed.partitions = WireArray(count: 1, in: arena) { _, partition in
                partition.committedOffset = 7
                partition.committedLeaderEpoch = 0
            }
        }
        return request
    }

    private func produceRequest() throws -> ProduceRequest {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: 1_700_000_000_000, key: nil, value: [UInt8](repeating: 7, count: 100))
        let batch = WireBytes(copying: try builder.build(), in: arena)
        var request = ProduceRequest()
        request.acks = 1
        request.timeoutMs = 10_000
        request.topicData = WireArray(count: 1, in: arena) { _, produced in
            produced.name = topic
            produced.partitionData = WireArray(count: 1, in: arena) { _, partition in partition.records = .bytes(batch) }
        }
        return request
    }
}
