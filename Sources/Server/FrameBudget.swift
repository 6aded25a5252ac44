internal import Glibc
internal import Synchronization

/// What all unfinished frames of all loops hold together (`queued.max.request.bytes`). Small frames are not counted; a
/// large one is charged as its buffer grows. Past the bound no frame grows but one, which may always be completed: so
/// there is no deadlock, and nobody can take the memory by announcing frames.
package final class FrameBudget: Sendable {
    package let limit: Int
    private let used = Atomic<Int>(0)
    /// The connection that may grow past the bound, by a number of its own; 0: nobody.
    private let privileged = Atomic<Int>(0)

    package init(limit: Int) { self.limit = limit }

    package var bytesInUse: Int { used.load(ordering: .relaxed) }

    /// May `holder` hold `bytes` more? Whoever gets no asks again when `released` says so, or when time has passed.
    func charge(_ bytes: Int, holder: Int) -> Bool {
        let before = used.wrappingAdd(bytes, ordering: .relaxed).oldValue
        if before + bytes <= limit { return true }
        if privileged.load(ordering: .relaxed) == holder { return true }
        if privileged.compareExchange(expected: 0, desired: holder, ordering: .relaxed).exchanged { return true }
        used.wrappingSubtract(bytes, ordering: .relaxed)
        return false
    }

    func release(_ bytes: Int, holder: Int) {
        used.wrappingSubtract(bytes, ordering: .relaxed)
        _ = privileged.compareExchange(expected: holder, desired: 0, ordering: .relaxed)
    }

    func isPrivileged(_ holder: Int) -> Bool { privileged.load(ordering: .relaxed) == holder }

    /// A quarter of the memory that the process may use: of its control group's bound or of the machine's.
    package static func quarterOfMemory() -> Int {
        var memory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
            if let bound = number(in: path), bound > 0 { memory = min(memory, bound) }
        }
        return max(memory / 4, 16 * 1024 * 1024)
    }

    private static func number(in path: String) -> Int? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 32)
        let count = read(descriptor, &text, text.count)
        guard count > 0 else { return nil }
        return Int(String(decoding: text[..<count].prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self))
    }
}
