internal import EventLoop
internal import Exchange
internal import Files
internal import Glibc
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog

// DescribeLogDirs, versions 0-5: what lies in each log directory, and how much room its disk has (KIP-113).
//   2  flexible          3  an error of the whole answer          4  size of the disk, what is free (KIP-827)
//   5  directories that get no new partitions (KIP-1066): none here
// The room is asked of the file system on a worker: a network disk may take its time.

struct DescribeLogDirs: APIHandler {
    static let versions: ClosedRange<Int16> = 0...5

    let logs: LogManager
    let workers: WorkerPool

    private struct Found: Sendable {
        var path: String
        var isOnline: Bool
        var space: (total: Int64, usable: Int64)
        /// By topic, each with its partitions and their sizes.
        var topics: [(name: String, partitions: [(index: Int32, size: Int64)])]
    }

    func handle(_ request: DescribeLogDirsRequest, from caller: Caller, reply: consuming Reply) {
        // nil: all.
        let wanted = request.topics.map { topics in
            Dictionary(topics.map { ($0.topic.string, Set($0.partitions)) }) { $0.union($1) }
        }
        let desk = caller.desk
        let logs = logs
        let waiting = WaitingReply(reply)
        let submitted = workers.submit {
            let found = Self.look(logs, wanted)
            desk.loop.post { if let reply = waiting.take() { Self.send(found, desk.arena, reply) } }
        }
        if !submitted { waiting.take()?.refuse("the broker is stopping") }
    }

    private static func look(_ logs: LogManager, _ wanted: [String: Set<Int32>]?) -> [Found] {
        var byDirectory: [String: [String: [(index: Int32, size: Int64)]]] = [:]
        for log in logs.logs {
            let (topic, index) = (log.partition.topic, log.partition.partition)
            if let wanted, wanted[topic]?.contains(index) != true { continue }
            byDirectory[log.directory.path, default: [:]][topic, default: []].append((index, log.sizeInBytes))
        }
        return logs.directories.map { directory in
            let topics = byDirectory[directory.path] ?? [:]
            let space = try? logs.environment.fileSystem.space(directory.path)
            return Found(
                path: absolute(directory.path), isOnline: directory.isOnline, space: space ?? (-1, -1),
                topics: topics.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted { $0.index < $1.index }) })
        }
    }

    private static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func send(_ found: [Found], _ arena: Arena, _ reply: consuming Reply) {
        var response = DescribeLogDirsResponse()
        response.results = WireArray(count: found.count, in: arena) { index, answer in
            let directory = found[index]
            answer.logDir = WireBytes(copying: directory.path, in: arena)
            guard directory.isOnline else {
                answer.errorCode = ErrorCode.kafkaStorageError.rawValue
                return
            }
            answer.totalBytes = directory.space.total
            answer.usableBytes = directory.space.usable
            answer.topics = WireArray(count: directory.topics.count, in: arena) { place, topic in
                topic.name = WireBytes(copying: directory.topics[place].name, in: arena)
                let partitions = directory.topics[place].partitions
                topic.partitions = WireArray(count: partitions.count, in: arena) { number, partition in
                    partition.partitionIndex = partitions[number].index
                    partition.partitionSize = partitions[number].size
                }
            }
        }
        reply.send(response)
    }
}
