/// One block of a PEM text: what it is and its text, made regular.
struct PEMBlock: Equatable {
    let label: String
    let text: String
}

/// PEM as operators have it: a file with words between the blocks, or a property whose line breaks became spaces
/// (KIP-651). Each block comes out in the form that OpenSSL reads.
enum PEMText {
    private static let begin = Array("-----BEGIN ".utf8)
    private static let end = Array("-----END ".utf8)
    private static let dashes = Array("-----".utf8)

    static func isPEM(_ bytes: [UInt8]) -> Bool { find(begin, in: bytes[...]) != nil }

    static func blocks(_ bytes: [UInt8]) throws(TLSError) -> [PEMBlock] {
        var blocks: [PEMBlock] = []
        var rest = bytes[...]
        while let start = find(begin, in: rest) {
            let labelStart = start + begin.count
            guard let labelEnd = find(dashes, in: rest[labelStart...]), labelEnd - labelStart <= 64 else {
                throw TLSError(.material, "a PEM block begins at byte \(start) and its first line does not end")
            }
            let label = String(decoding: rest[labelStart..<labelEnd], as: UTF8.self)
            let bodyStart = labelEnd + dashes.count
            guard let bodyEnd = find(end, in: rest[bodyStart...]) else {
                throw TLSError(.material, "the PEM block \"\(label)\" that begins at byte \(start) has no END line")
            }
            blocks.append(PEMBlock(label: label, text: regular(label, rest[bodyStart..<bodyEnd])))
            guard blocks.count <= Limits.storeCertificates else {
                throw TLSError(.material, "more than \(Limits.storeCertificates) PEM blocks")
            }
            let afterEnd = bodyEnd + end.count
            guard let closing = find(dashes, in: rest[afterEnd...]) else { break }
            rest = rest[(closing + dashes.count)...]
        }
        return blocks
    }

    private static func regular(_ label: String, _ body: ArraySlice<UInt8>) -> String {
        var text = "-----BEGIN \(label)-----\n"
        if body.contains(UInt8(ascii: ":")) {
            // Header lines (an encrypted key in the old form): lines matter there, so they stay as they are.
            text += String(decoding: body.drop { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }, as: UTF8.self)
            if text.utf8.last != UInt8(ascii: "\n") { text += "\n" }
        } else {
            let digits = body.filter { $0 > UInt8(ascii: " ") }
            for start in stride(from: 0, to: digits.count, by: 64) {
                text += String(decoding: digits[start..<min(start + 64, digits.count)], as: UTF8.self) + "\n"
            }
        }
        return text + "-----END \(label)-----\n"
    }

    private static func find(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        var index = bytes.startIndex
        let last = bytes.endIndex - pattern.count
        while index <= last {
            if bytes[index] == pattern[0], bytes[index..<(index + pattern.count)].elementsEqual(pattern) { return index }
            index += 1
        }
        return nil
    }
}
