/// Frames over a link: four bytes of length, then so many bytes.
package final class FrameLink {
    /// Kafka's own bound on a response is the client's memory; this one keeps nonsense from taking ours.
    static let maximumFrameBytes = 256 << 20

    private let link: any ByteLink
    private var received: [UInt8] = []
    private var position = 0
    private var chunk = [UInt8](repeating: 0, count: 1 << 16)

    package init(_ link: any ByteLink) { self.link = link }

    package func send(_ frame: [UInt8], until deadline: Deadline) throws(LinkError) {
        let length = UInt32(frame.count)
        var bytes: [UInt8] = [
            UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255),
        ]
        bytes += frame
        try link.write(bytes, until: deadline)
    }

    /// The next whole frame. Memory grows with what arrives, not with what the length claims.
    package func receive(until deadline: Deadline) throws(LinkError) -> [UInt8] {
        while true {
            if received.count - position >= 4 {
                let length = Int32(
                    bitPattern:
                        UInt32(received[position]) << 24 | UInt32(received[position + 1]) << 16
                        | UInt32(received[position + 2]) << 8 | UInt32(received[position + 3]))
                guard length >= 0, length <= Self.maximumFrameBytes else { throw .noFrame(length: length) }
                let start = position + 4
                let end = start + Int(length)
                if end <= received.count {
                    defer { drop(upTo: end) }
                    return Array(received[start..<end])
                }
            }
            try fill(until: deadline)
        }
    }

    /// Whether the peer closes before the deadline. What arrives meanwhile is kept for `receive`.
    package func waitForClose(until deadline: Deadline) -> Bool {
        do {
            while true { try fill(until: deadline) }
        } catch { return error == .closed }
    }

    package func close() { link.close() }

    private func fill(until deadline: Deadline) throws(LinkError) {
        // The buffer is this object's own and nothing else runs while the link reads into it.
        var buffer: [UInt8] = []
        swap(&buffer, &chunk)
        defer { swap(&buffer, &chunk) }
        var failure: LinkError?
        let count = buffer.withUnsafeMutableBytes { bytes in
            do throws(LinkError) {
                return try link.read(into: bytes, until: deadline)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        guard count > 0 else { throw .closed }
        received += buffer[0..<count]
    }

    private func drop(upTo end: Int) {
        position = end
        if position == received.count {
            received.removeAll(keepingCapacity: true)
            position = 0
        } else if position > 1 << 20 {
            received.removeFirst(position)
            position = 0
        }
    }
}
