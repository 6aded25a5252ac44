public import EventLoop
package import Files
internal import KafkaMessages
package import KafkaWire

/// A file region that stands in an answer at a place of its bytes.
package struct PlacedRegion {
    /// How many of the output's bytes stand before it.
    package var place: Int
    package var region: FileRegion
}

/// A connection as an answer sees it. Its slot on the loop and the slot's generation are what a `Reply` holds.
open class AnswerChannel: Channel {
    /// The answer to the request in work stands at the end of the desk's output.
    open func answered() {}

    /// The request in work wants no answer (Produce with acks=0).
    open func declined() {}

    /// The request in work cannot be worked on yet: its connection keeps it and reads no further for a while.
    open func heldBack() {}

    /// The request in work cannot be answered: the connection is closed, and the log says why.
    open func refused(_ reason: String) {}
}

/// What a loop lends to the requests that it works on: an arena for what they decode into, an output for what they answer.
/// Belongs to the loop's thread.
package final class RequestDesk: @unchecked Sendable {  // used on the loop's thread alone
    package let loop: EventLoop
    package let arena = Arena()

    /// The bytes and the regions of the answers of the turn that is on.
    @exclusivity(unchecked) package var output = WireWriter()
    package private(set) var regions: [PlacedRegion] = []

    /// Whose turn is on: its answers go straight into `output`. Nil between turns.
    package unowned(unsafe) var turn: AnswerChannel?

    /// The regions of the answer that a handler is preparing, by the number that `attach` gave.
    private var attached: [FileRegion] = []

    /// An output that had to grow beyond this is given back after its turn.
    private static let keptOutputBytes = 1024 * 1024

    package init(loop: EventLoop) { self.loop = loop }

    /// Makes a region part of the answer that this handler sends next: the number belongs into its `WireRecords`.
    package func attach(_ region: FileRegion) -> WireRecords {
        attached.append(region)
        return .piece(number: Int32(attached.count - 1), length: Int32(region.count))
    }

    /// Writes one answer, length and header included, behind what the output holds.
    /// Fails only where the handler filled in what that version cannot carry: our bug, which must not stay in the output.
    func write(_ response: borrowing some ResponseMessage, to request: RequestIdentity) throws(EncodeError) {
        let start = output.count
        let placesBefore = output.pieces.count
        do throws(EncodeError) {
            try Answer.encode(response, to: request, into: &output)
        } catch {
            output.truncate(to: start)
            attached.removeAll(keepingCapacity: true)
            throw error
        }
        guard !attached.isEmpty else { return }
        for piece in output.pieces[placesBefore...] {
            regions.append(PlacedRegion(place: piece.offset, region: attached[Int(piece.number)]))
        }
        attached.removeAll(keepingCapacity: true)
    }

    /// Puts an answer that was encoded elsewhere behind what the output holds.
    func append(_ answer: EncodedAnswer) { output.append(answer.bytes) }

    /// What was in the output has been taken over by the connection.
    package func clearOutput() {
        output.clear()
        if output.capacity > Self.keptOutputBytes { output = WireWriter() }
        if !regions.isEmpty { regions.removeAll(keepingCapacity: true) }
    }
}

/// What an answer must repeat or fit: correlation id, API and version of the request.
struct RequestIdentity {
    let api: ApiKey
    let version: Int16
    let correlationId: Int32
}

enum Answer {
    static func encode(
        _ response: borrowing some ResponseMessage, to request: RequestIdentity, into writer: inout WireWriter
    ) throws(EncodeError) {
        let start = writer.count
        writer.reserve(16)
        writer.int32(0)
        writer.int32(request.correlationId)
        // Header version 1 has an empty section of tagged fields; ApiVersions answers never have it.
        if request.api.responseHeaderVersion(for: request.version) >= 1 { writer.int8(0) }
        let piecesBefore = writer.pieces.count
        try response.encode(into: &writer, version: request.version)
        var length = writer.count - start - 4
        for piece in writer.pieces[piecesBefore...] { length += Int(piece.length) }
        writer.setInt32(Int32(length), at: start)
    }
}

/// An answer in memory of its own, on its way to the loop that sends it.
final class EncodedAnswer: @unchecked Sendable {  // nobody writes the bytes after init
    let bytes: UnsafeRawBufferPointer

    init(_ response: borrowing some ResponseMessage, to request: RequestIdentity) throws(EncodeError) {
        var writer = WireWriter()
        try Answer.encode(response, to: request, into: &writer)
        precondition(writer.pieces.isEmpty, "file regions are attached on the loop that sends them")
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: writer.count, alignment: 1)
        copy.copyMemory(from: writer.bytes)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }
}
