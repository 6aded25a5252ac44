internal import Files
internal import Glibc

enum SimulatedNode {
    case file(SimulatedInode)
    case directory(SimulatedDirectory)
}

/// A directory: its names now, its names on the disk, and the changes between them, in order.
final class SimulatedDirectory {
    typealias Change = [(name: String, node: SimulatedNode?)]

    private(set) var children: [String: SimulatedNode] = [:]
    private var durable: [String: SimulatedNode] = [:]
    private var pending: [Change] = []

    /// One step: all of it happens or none.
    func change(_ change: Change) {
        Self.apply(change, to: &children)
        pending.append(change)
    }

    func sync() {
        durable = children
        pending = []
    }

    func crash(_ generator: inout SeededGenerator) {
        for change in pending.prefix(Int.random(in: 0...pending.count, using: &generator)) { Self.apply(change, to: &durable) }
        children = durable
        pending = []
        for name in children.keys.sorted() {
            switch children[name] {
            case .file(let inode): inode.crash(&generator)
            case .directory(let directory): directory.crash(&generator)
            case nil: break
            }
        }
    }

    /// A process has ended: the next one has no part in what an `fsync` of that one has said.
    func restart() {
        for child in children.values {
            switch child {
            case .file(let inode): inode.restart()
            case .directory(let directory): directory.restart()
            }
        }
    }

    var bytes: Int {
        children.values.reduce(0) { sum, node in
            switch node {
            case .file(let inode): sum + inode.content.count
            case .directory(let directory): sum + directory.bytes
            }
        }
    }

    private static func apply(_ change: Change, to names: inout [String: SimulatedNode]) {
        for (name, node) in change { names[name] = node }
    }
}

/// A file's bytes now, its bytes on the disk, and what was done between them.
final class SimulatedInode {
    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(Int)
    }

    private(set) var content: [UInt8] = []
    private var durable: [UInt8] = []
    private var pending: [Change] = []
    /// What an `fsync` that failed has given up: it is in the page cache, and no later `fsync` writes it.
    private var givenUp: [Change] = []

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, sector: Int) {
        Self.put(bytes, at: offset, into: &content)
        // A disk writes sectors: each of them arrives or does not.
        var from = 0
        while from < bytes.count {
            let end = min(bytes.count, (offset + from) / sector * sector + sector - offset)
            pending.append(.write(offset: offset + from, bytes: Array(bytes[from..<end])))
            from = end
        }
    }

    func truncate(to size: Int, sector: Int) {
        Self.resize(&content, to: size)
        pending.append(.truncate(size))
    }

    func sync() {
        if givenUp.isEmpty { durable = content } else { for change in pending { apply(change) } }
        pending = []
    }

    /// As Linux does it: the pages that could not be written count as clean.
    func failSync(_ generator: inout SeededGenerator) {
        var left: [Change] = []
        for change in pending { if generator.chance(0.5) { givenUp.append(change) } else { left.append(change) } }
        pending = left
    }

    func restart() {
        pending = givenUp + pending
        givenUp = []
    }

    private func apply(_ change: Change) {
        switch change {
        case .write(let offset, let bytes): bytes.withUnsafeBytes { Self.put($0, at: offset, into: &durable) }
        case .truncate(let size): Self.resize(&durable, to: size)
        }
    }

    func crash(_ generator: inout SeededGenerator) {
        // All, none, or any of them.
        let survivals = [0.0, 1.0, 0.5, 0.9]
        let survival: Double = survivals[Int.random(in: 0..<survivals.count, using: &generator)]
        for change in pending where survival == 1 || generator.chance(survival) { apply(change) }
        content = durable
        pending = []
        givenUp = []
    }

    private static func put(_ bytes: UnsafeRawBufferPointer, at offset: Int, into content: inout [UInt8]) {
        if content.count < offset + bytes.count { resize(&content, to: offset + bytes.count) }
        content.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
    }

    private static func resize(_ content: inout [UInt8], to size: Int) {
        if size < content.count {
            content.removeLast(content.count - size)
        } else {
            content += [UInt8](repeating: 0, count: size - content.count)
        }
    }
}

final class SimulatedFile: File, @unchecked Sendable {  // the inode is only touched under the disk's lock
    private let inode: SimulatedInode
    private let disk: SimulatedDisk

    init(path: String, inode: SimulatedInode, disk: SimulatedDisk) {
        self.inode = inode
        self.disk = disk
        super.init(path: path)
    }

    public override func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try disk.perform(.read, path) { _ throws(FileError) in copy(into: buffer, at: offset) }
    }

    public override func readWithoutWaiting(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(FileError) -> Int? {
        try disk.perform(.read, path) { state throws(FileError) in
            if state.faults.coldRead > 0, state.generator.chance(state.faults.coldRead) { return nil }
            return copy(into: buffer, at: offset)
        }
    }

    private func copy(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
        guard offset >= 0, offset < inode.content.count else { return 0 }
        let piece = inode.content[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: piece)
        return piece.count
    }

    public override func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        if let slow = disk.faults.slowWrites, path.hasPrefix(slow.path) { slow.clock.advance(ms: slow.ms) }
        do throws(FileError) {
            try put(bytes, at: offset)
        } catch where disk.faults.hidesFailures && !disk.hasStopped {
        }
    }

    private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        try disk.perform(.write, path) { state throws(FileError) in
            let grows = max(0, Int(offset) + bytes.count - inode.content.count)
            let room = state.faults.capacity - state.usedBytes
            var failure: Int32?
            var count = bytes.count
            if grows > room {
                failure = ENOSPC
                count = max(0, bytes.count - (grows - max(0, room)))
            } else if let code = state.troubles(.write, path) {
                failure = code
                count = Int.random(in: 0...bytes.count, using: &state.generator)
            } else if state.faults.writeError > 0, state.generator.chance(state.faults.writeError) {
                failure = EIO
                count = Int.random(in: 0...bytes.count, using: &state.generator)
            }
            let before = inode.content.count
            if count > 0 {
                inode.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: Int(offset), sector: SimulatedDisk.sectorBytes)
            }
            state.usedBytes += inode.content.count - before
            if let failure { throw FileError(.write, path, code: failure) }
        }
    }

    public override func sync() throws(FileError) {
        do throws(FileError) {
            try disk.perform(.sync, path) { state throws(FileError) in
                if let code = state.syncFailure(path) {
                    inode.failSync(&state.generator)
                    throw FileError(.sync, path, code: code)
                }
                if !state.faults.ignoresFileSync { inode.sync() }
            }
        } catch where disk.faults.hidesFailures && !disk.hasStopped {
        }
    }

    public override func truncate(to size: Int64) throws(FileError) {
        try disk.perform(.truncate, path, writes: true) { state throws(FileError) in
            state.usedBytes += Int(size) - inode.content.count
            inode.truncate(to: Int(size), sector: SimulatedDisk.sectorBytes)
        }
    }

    public override func size() throws(FileError) -> Int64 {
        try disk.perform(.status, path) { _ throws(FileError) in Int64(inode.content.count) }
    }

    public override func send(to socket: Int32, from offset: Int64, count: Int) throws(FileError) -> Int? {
        let piece = try bytes(at: offset, count: count)
        let sent = piece.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) }
        if sent >= 0 { return sent }
        if errno == EAGAIN { return nil }
        throw FileError(.send, path, code: errno)
    }
}
