internal import KafkaMessages
internal import KafkaWire

/// Metadata that cannot be read or stored: in words for the operator.
package struct MetadataError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// A record that cannot be decoded, or that contradicts those before it.
        case unreadable
        /// The disk failed.
        case storage
        /// The directory belongs to a cluster or a node that is not ours.
        case foreign
        /// The store is closed.
        case closed
    }

    package var kind: Kind
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }

    /// Runs a decoder and words its errors.
    static func decoding<T>(_ body: () throws(DecodeError) -> T) throws(MetadataError) -> T {
        do {
            return try body()
        } catch {
            throw MetadataError(.unreadable, "metadata record: \(error)")
        }
    }
}

extension [UInt8] {
    /// Decodes a framed record of these bytes. What `body` is given are views: it copies what it keeps.
    func withRecord<Record: MetadataRecord, Result>(
        _ type: Record.Type, _ body: (Record, _ version: Int16) -> Result
    ) throws(MetadataError) -> Result {
        // Typed throws do not pass through withUnsafeBytes: hence the detour.
        let outcome: Swift.Result<Result, DecodeError> = withUnsafeBytes { bytes in
            Swift.Result { () throws(DecodeError) in
                let arena = Arena(capacity: 256)
                defer { arena.staysUntilHere() }
                let (record, version) = try Record.unframed(bytes, arena: arena)
                return body(record, version)
            }
        }
        do {
            return try outcome.get()
        } catch {
            throw MetadataError(.unreadable, "metadata record: \(error)")
        }
    }
}
