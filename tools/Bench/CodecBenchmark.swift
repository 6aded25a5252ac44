import CommandLineOptions
import Glibc
import KafkaMessages
import KafkaWire

/// How long messages take to decode and to encode: one line a case, `name<TAB>decode_ns<TAB>encode_ns`.
///
/// A case is a file `NAME.hex` with one body; its name gives message and version. Decoding is a body to structs in an
/// arena that is reset each time; encoding is the structs to bytes in a writer that is kept. Each figure is the median
/// of ROUNDS (15) rounds of ROUND_MS (40) milliseconds.
enum CodecBenchmark {
    static let command = Command(
        "codec", summary: "How long messages take to decode and encode.",
        options: [CommandOption("--cases", .required("DIR"), help: "The folder with the cases, NAME.hex.")])

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func run(_ options: ParsedOptions) throws {
        guard let folder = options.value("--cases") else { throw Failure(description: "codec: --cases DIR is wanted") }
        let cases = Cases(folder: folder)
        // Each case names its type, so that decoding and encoding are the compiled code of that type, as in the broker.
        try cases.measure(ApiVersionsResponse.self, "apiversions-response-v3", version: 3)
        try cases.measure(FetchRequest.self, "fetch-request-v12-100p", version: 12)
        try cases.measure(FetchResponse.self, "fetch-response-v12-50p1k", version: 12)
        try cases.measure(HeartbeatRequest.self, "heartbeat-request-v4", version: 4)
        try cases.measure(JoinGroupResponse.self, "joingroup-response-v9-50m", version: 9)
        try cases.measure(ListOffsetsRequest.self, "listoffsets-request-v7-100p", version: 7)
        try cases.measure(MetadataResponse.self, "metadata-response-v12-1000t6p", version: 12)
        try cases.measure(MetadataResponse.self, "metadata-response-v12-10t3p", version: 12)
        try cases.measure(OffsetCommitRequest.self, "offsetcommit-request-v9-200p", version: 9)
        try cases.measure(ProduceRequest.self, "produce-request-v9-1p16k", version: 9)
        try cases.measure(ProduceRequest.self, "produce-request-v9-50p1k", version: 9)
    }
}

private struct Cases {
    let folder: String

    @inline(__always)
    func measure<Message: WireMessage>(_ type: Message.Type, _ name: String, version: Int16) throws {
        let body = try bytes(of: name)
        // A frame lies in a loop's read buffer, which begins with a page.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: body.count, alignment: 4096)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: body)
        try measure(type, name, UnsafeRawBufferPointer(buffer), version)
    }

    @inline(__always)
    private func measure<Message: WireMessage>(
        _ type: Message.Type, _ name: String, _ frame: UnsafeRawBufferPointer, _ version: Int16
    ) throws {
        let arena = Arena(capacity: 1 << 16)
        var writer = WireWriter(capacity: frame.count + 1024)
        try Message(wholeOf: frame, version: version, arena: arena).write(into: &writer, version: version)
        guard writer.bytes.elementsEqual(frame) else {
            throw CodecBenchmark.Failure(description: "\(name) does not encode to what it was decoded from")
        }
        let decodeNs = Stopwatch.nanoseconds { times in
            for _ in 0..<times {
                arena.reset()
                keep(decode(type, frame, version, arena))
            }
        }
        arena.reset()
        let message = decode(type, frame, version, arena)
        let encodeNs = Stopwatch.nanoseconds { times in
            for _ in 0..<times {
                writer.clear()
                encode(message, into: &writer, version)
                keep(writer.count)
            }
        }
        print("\(name)\t\(decodeNs.tenths)\t\(encodeNs.tenths)")
        fflush(nil)
    }

    @inline(__always)
    private func decode<Message: WireMessage>(
        _ type: Message.Type, _ frame: UnsafeRawBufferPointer, _ version: Int16, _ arena: Arena
    ) -> Message {
        var reader = WireReader(frame, arena: arena)
        do throws(DecodeError) {
            let message = try Message(from: &reader, version: version)
            precondition(reader.remaining == 0)
            return message
        } catch {
            preconditionFailure("a case that decoded before: \(error)")
        }
    }

    @inline(__always)
    private func encode<Message: WireMessage>(
        _ message: borrowing Message, into writer: inout WireWriter, _ version: Int16
    ) {
        do throws(EncodeError) {
            try message.write(into: &writer, version: version)
        } catch {
            preconditionFailure("a case that encoded before: \(error)")
        }
    }

    private func bytes(of name: String) throws -> [UInt8] {
        let path = "\(folder)/\(name).hex"
        guard let file = fopen(path, "rb") else { throw CodecBenchmark.Failure(description: "no case at \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var high: UInt8?
        while case let character = fgetc(file), character >= 0 {
            guard let digit = Character(UnicodeScalar(UInt8(character))).hexDigitValue else { continue }
            if let first = high {
                bytes.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
        return bytes
    }
}

/// Takes a value so that making it cannot be left out.
@inline(never)
private func keep<Value: ~Copyable>(_ value: borrowing Value) {
    withUnsafePointer(to: value) { kept = UInt(bitPattern: $0) }
}

// Written by `keep` alone, on the one thread that there is.
nonisolated(unsafe) private var kept: UInt = 0
