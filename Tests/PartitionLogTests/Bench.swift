import EventLoop
import Files
import Glibc
import KafkaRecords
import KafkaWire
import Synchronization
import Testing
import TestKit

@testable import PartitionLog

/// A directory that goes when the test ends.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/jackdaw-log-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit { try? PosixFileSystem().removeTree(path, depth: 6) }
}

/// Jobs that wait until the test runs them.
final class Jobs: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])

    func submit(_ job: @escaping @Sendable () -> Void) { jobs.withLock { $0.append(job) } }

    func drop() { jobs.withLock { $0 = [] } }

    func run() {
        while true {
            let all = jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            if all.isEmpty { return }
            for job in all { job() }
        }
    }
}

/// One broker's logs in a directory of the test's own.
final class Bench {
    let temporary = TemporaryDirectory()
    let clock = ManualClock()
    let jobs = Jobs()
    var configuration = LogConfiguration()
    var environment: LogEnvironment
    var manager: LogManager

    init(_ change: (inout LogConfiguration) -> Void = { _ in }, fileSystem: FileSystem = PosixFileSystem()) throws {
        change(&configuration)
        let jobs = jobs, temporary = temporary
        environment = LogEnvironment(
            fileSystem: fileSystem, clock: clock,
            submit: { job in
                // Every log keeps its environment, and so its directory.
                withExtendedLifetime(temporary) { jobs.submit(job) }
            })
        manager = try Self.start(temporary.path, environment, configuration)
    }

    static func start(
        _ path: String, _ environment: LogEnvironment, _ configuration: LogConfiguration
    ) throws -> LogManager {
        let (directories, _) = try LogDirectory.open(
            [path + "/data"], nodeId: 1, clusterId: nil, fileSystem: environment.fileSystem)
        let manager = LogManager(directories: directories, environment: environment)
        try manager.load { _ in configuration }
        return manager
    }

    var data: String { temporary.path + "/data" }

    func log(_ topic: String = "t", _ partition: Int32 = 0) throws -> PartitionLog {
        try manager.create(TopicPartition(topic, partition), topicId: Uuid(1, 2), configuration: configuration)
    }

    /// Stops cleanly and starts again.
    func restart() throws {
        jobs.run()
        manager.shutdown()
        manager = try Self.start(temporary.path, environment, configuration)
    }

    /// Starts again as after kill -9: what the page cache has is there, and nothing was closed.
    func kill() throws {
        for directory in manager.directories { directory.unlock() }
        manager = try Self.start(temporary.path, environment, configuration)
    }

    func files(_ partition: String = "t-0") throws -> [String] {
        try environment.fileSystem.list(data + "/" + partition)
    }
}

/// Bytes of batches, as a producer would send them.
func batch(
    _ values: [String], timestamp: Int64 = 1_700_000_000_000, key: String? = nil, _ change: (inout RecordBatchBuilder) -> Void = { _ in }
) throws -> [UInt8] {
    var builder = RecordBatchBuilder()
    change(&builder)
    for value in values {
        builder.append(timestamp: timestamp, key: key.map { Array($0.utf8) }, value: Array(value.utf8))
    }
    return try builder.build()
}

extension PartitionLog {
    @discardableResult
    func append(_ bytes: [UInt8], origin: AppendOrigin = .client, leaderEpoch: Int32 = 0) throws -> AppendResult {
        var bytes = bytes
        return try bytes.withUnsafeMutableBytes { try append($0, origin: origin, leaderEpoch: leaderEpoch) }
    }

    /// Every record's value from an offset on.
    func values(
        from offset: Int64 = 0, isolation: ReadIsolation = .highWatermark, maxBytes: Int = 1 << 20
    ) throws -> [(offset: Int64, value: String)] {
        var next = offset, values: [(Int64, String)] = []
        while let region = try read(
            from: next, maxBytes: maxBytes, isolation: isolation, atLeastOneBatch: true
        ).region {
            let bytes = try region.file.bytes(at: region.offset, count: region.count)
            let before = next
            try bytes.withUnsafeBytes { buffer in
                var batches = RecordBatches(buffer)
                while let batch = try batches.next() {
                    let header = try batch.validHeader()
                    var records = try batch.records(scratch: RecordScratch())
                    while let record = try records.next() {
                        if record.offset >= offset, !header.isControl {
                            values.append((record.offset, String(decoding: record.value ?? .init(start: nil, count: 0), as: UTF8.self)))
                        }
                    }
                    next = header.nextOffset
                }
            }
            if next == before { break }
        }
        return values
    }
}
