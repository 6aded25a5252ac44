internal import KafkaMessages
internal import KafkaWire

/// Shows a decoded record by what Swift knows of it: the fields of the generated structs have Kafka's own names.
enum Reflection {
    /// Fields of the type bytes; all others of `WireBytes` are strings.
    private static let binary: Set<String> = ["subscription", "assignment", "userData", "customMetadata"]
    /// What lets its reader in somewhere: not shown, since such output is passed on.
    private static let secret: Set<String> = ["salt", "storedKey", "serverKey"]
    /// Bytes in one record and a string in others.
    private static let binaryMetadata = "ClassicProtocol"

    static func show(_ record: Any, depth: Int = 0) -> Shown {
        guard depth < InspectionLimits.depth else { return .text("...") }
        let mirror = Mirror(reflecting: record)
        let hasBinaryMetadata = "\(mirror.subjectType)" == binaryMetadata
        var fields: [Field] = []
        for child in mirror.children {
            guard let name = child.label, name != "unknownTags" else { continue }
            if secret.contains(name) {
                fields.append(Field(name, .text("hidden")))
                continue
            }
            let isBinary = binary.contains(name) || (hasBinaryMetadata && name == "metadata")
            if isBinary, let decoded = consumerProtocol(name, child.value) {
                fields.append(Field(name, decoded))
            } else if name == "transactionStatus", let status = child.value as? Int8 {
                fields.append(Field(name, transactionStatus(status)))
            } else {
                fields.append(Field(name, value(child.value, isBinary: isBinary, depth: depth)))
            }
        }
        return .fields(fields)
    }

    /// What a member of a classic consumer group subscribes to and is given; nil where the bytes are not that.
    private static func consumerProtocol(_ name: String, _ value: Any) -> Shown? {
        guard let bytes = value as? WireBytes, !bytes.isEmpty else { return nil }
        let arena = Arena(capacity: 1024)
        defer { arena.staysUntilHere() }
        let decoded = Result { () throws(DecodeError) -> Shown? in
            switch name {
            case "subscription": show(try ConsumerProtocolSubscription(versioned: bytes.buffer, arena: arena))
            case "assignment": show(try ConsumerProtocolAssignment(versioned: bytes.buffer, arena: arena))
            default: nil
            }
        }
        return try? decoded.get()
    }

    /// Kafka's TransactionState by its number.
    private static func transactionStatus(_ number: Int8) -> Shown {
        let names = [
            "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead",
            "PrepareEpochFence",
        ]
        return names.indices.contains(Int(number)) ? .text(names[Int(number)]) : Shown(number)
    }

    static func value(_ value: Any, isBinary: Bool, depth: Int) -> Shown {
        if let value = value as? any Showable { return value.shown(isBinary: isBinary, depth: depth) }
        return show(value, depth: depth + 1)
    }
}

/// A field's type that is no struct of a schema.
protocol Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown
}

extension Bool: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown { .flag(self) }
}
extension Int8: Showable {}
extension Int16: Showable {}
extension Int32: Showable {}
extension Int64: Showable {}
extension UInt16: Showable {}
extension UInt32: Showable {}
extension Showable where Self: BinaryInteger {
    func shown(isBinary: Bool, depth: Int) -> Shown { Shown(self) }
}
extension Double: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown { .real(self) }
}
extension Uuid: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown { .text(description) }
}
extension WireBytes: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown { .text(isBinary ? buffer.base64 : string) }
}
extension WireArray: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown {
        .list(map { Reflection.value($0, isBinary: isBinary, depth: depth) })
    }
}
extension WireIntegers: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown { .list(map { Shown($0) }) }
}
extension Optional: Showable {
    func shown(isBinary: Bool, depth: Int) -> Shown {
        guard let self else { return .nothing }
        return Reflection.value(self, isBinary: isBinary, depth: depth)
    }
}

extension UnsafeRawBufferPointer {
    /// Base64 with padding, as Kafka's JSON has bytes.
    var base64: String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((count + 2) / 3 * 4)
        var place = 0
        while place < count {
            let left = count - place
            var bits = UInt32(self[place]) << 16
            if left > 1 { bits |= UInt32(self[place + 1]) << 8 }
            if left > 2 { bits |= UInt32(self[place + 2]) }
            for digit in 0..<4 {
                text.append(digit <= left ? alphabet[Int(bits >> UInt32(18 - 6 * digit)) & 63] : UInt8(ascii: "="))
            }
            place += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// As text where it is printable UTF-8, else as `base64:...`.
    var readable: Shown {
        // Most is plain ASCII.
        if allSatisfy({ 32..<127 ~= $0 }) { return .text(String(decoding: self, as: UTF8.self)) }
        let text = String(decoding: self, as: UTF8.self)
        let isText =
            text.utf8.elementsEqual(self)
            && text.unicodeScalars.allSatisfy {
                $0.value >= 32 && $0.value != 127 || $0 == "\n" || $0 == "\t" || $0 == "\r"
            }
        return .text(isText ? text : "base64:" + base64)
    }
}
