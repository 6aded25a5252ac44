import Files
import Glibc
import Testing

@Suite struct PosixFileSystemTests {
    let fileSystem = PosixFileSystem()

    private func inDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/jackdaw-files-XXXXXX".utf8CString)
        let path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
        defer { try? fileSystem.removeTree(path) }
        try body(path)
    }

    @Test func `what is written is read, also past the end and after truncation`() throws {
        try inDirectory { path throws in
            let file = try fileSystem.open(path + "/f", .create)
            try file.write(Array("hello world".utf8), at: 0)
            #expect(try file.bytes(at: 6, count: 100) == Array("world".utf8))
            #expect(try file.size() == 11)
            try file.truncate(to: 5)
            try file.sync()
            #expect(try file.bytes(at: 0, count: 100) == Array("hello".utf8))
            #expect(try file.bytes(at: 5, count: 1) == [])
        }
    }

    @Test func `an error names the operation, the path and the reason`() throws {
        try inDirectory { path throws in
            let error = #expect(throws: FileError.self) { try fileSystem.open(path + "/none", .read) }
            #expect(error?.isNotFound == true)
            #expect(error?.description == "open \(path)/none: No such file or directory")
            #expect(try fileSystem.status(path + "/none") == nil)
            #expect(try fileSystem.contents(path + "/none", limit: 10) == nil)
        }
    }

    @Test func `a file is replaced in one step and a directory removed with what is in it`() throws {
        try inDirectory { path throws in
            try fileSystem.makeDirectories(path + "/a/b")
            try fileSystem.makeDirectory(path + "/a/b")
            try fileSystem.replace(path + "/a/b/c", with: [1], durably: true)
            try fileSystem.replace(path + "/a/b/c", with: [2, 3], durably: false)
            #expect(try fileSystem.contents(path + "/a/b/c", limit: 10) == [2, 3])
            #expect(try fileSystem.list(path + "/a/b") == ["c"])
            #expect(try fileSystem.status(path + "/a/b/c")?.size == 2)
            try fileSystem.removeTree(path + "/a")
            #expect(try fileSystem.list(path) == [])
        }
    }

    @Test func `a lock is held once, by whatever path`() throws {
        try inDirectory { path throws in
            var lock = try fileSystem.lock(path + "/.lock")
            #expect(lock != nil)
            #expect(try fileSystem.lock(path + "/./.lock") == nil)
            lock = nil
            #expect(try fileSystem.lock(path + "/.lock") != nil)
            _ = lock
        }
    }

    @Test func `who holds a lock is told without taking it`() throws {
        try inDirectory { path throws in
            #expect(throws: FileError.self) { try fileSystem.lockHolder(path + "/lock") }
            var lock = try fileSystem.lock(path + "/lock")
            #expect(try fileSystem.lockHolder(path + "/lock") == getpid())
            // Asking has not let go of it.
            #expect(try fileSystem.lock(path + "/lock") == nil)
            lock = nil
            #expect(try fileSystem.lockHolder(path + "/lock") == nil)
            _ = lock
        }
    }

    @Test func `a region goes to a socket and outlives its file's name`() throws {
        try inDirectory { path throws in
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            defer { for end in ends { close(end) } }
            var file: File? = try fileSystem.open(path + "/f", .create)
            try file?.write(Array("0123456789".utf8), at: 0)
            let region = FileRegion(file: file!, offset: 2, count: 5)
            file = nil
            try fileSystem.remove(path + "/f")
            #expect(region.isResident)
            try region.load()
            #expect(try region.file.send(to: ends[0], from: region.offset, count: region.count) == 5)
            var got = [UInt8](repeating: 0, count: 10)
            #expect(recv(ends[1], &got, 10, 0) == 5)
            #expect(got.prefix(5) == ArraySlice("23456".utf8))
        }
    }

    @Test func `paths have parents`() {
        #expect("/a/b".parentPath == "/a")
        #expect("/a/".parentPath == "/")
        #expect("a".parentPath == ".")
        #expect("a/b/".parentPath == "a")
    }
}
