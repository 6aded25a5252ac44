internal import COpenSSL

/// A name as `X500Principal.getName()` of Java gives it (RFC 2253): principals, ACLs and mapping rules of Kafka are
/// written against that form.
enum DistinguishedName {
    /// The attribute types that RFC 2253 has a word for; any other stands as its number, with its value in hexadecimal.
    private static let keywords: [Int32: String] = [
        NID_commonName: "CN", NID_countryName: "C", NID_localityName: "L", NID_stateOrProvinceName: "ST",
        NID_organizationName: "O", NID_organizationalUnitName: "OU", NID_streetAddress: "STREET",
        NID_domainComponent: "DC", NID_userId: "UID",
    ]

    /// Last attribute first; those of one set are joined by `+`.
    static func text(_ name: OpaquePointer?) -> String {
        var sets: [(number: Int32, text: String)] = []
        for index in 0..<max(0, X509_NAME_entry_count(name)) {
            guard let entry = X509_NAME_get_entry(name, index) else { continue }
            let number = X509_NAME_ENTRY_set(entry)
            if let last = sets.last, last.number == number {
                sets[sets.count - 1].text += "+" + attribute(entry)
            } else {
                sets.append((number, attribute(entry)))
            }
        }
        return sets.reversed().map(\.text).joined(separator: ",")
    }

    private static func attribute(_ entry: OpaquePointer) -> String {
        let type = X509_NAME_ENTRY_get_object(entry)
        let value = X509_NAME_ENTRY_get_data(entry)
        if let keyword = keywords[OBJ_obj2nid(type)], let string = utf8(value) {
            return keyword + "=" + escaped(string)
        }
        var digits = [CChar](repeating: 0, count: 128)
        OBJ_obj2txt(&digits, Int32(digits.count), type, 1)
        let number = String(decoding: digits.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return number + "=#" + hexadecimal(der(value))
    }

    private static func utf8(_ string: UnsafePointer<ASN1_STRING>?) -> String? {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&bytes, string)
        guard count >= 0, let bytes else { ERR_clear_error(); return nil }
        defer { CRYPTO_free(bytes, #file, #line) }
        return String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }

    private static func der(_ string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_ASN1_PRINTABLE(string, &bytes)
        guard count > 0, let bytes else { ERR_clear_error(); return [] }
        defer { CRYPTO_free(bytes, #file, #line) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Java escapes these anywhere, and spaces at both ends.
    static func escaped(_ value: String) -> String {
        let scalars = Array(value.unicodeScalars)
        let isSpace = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\r" }
        let start = scalars.firstIndex { !isSpace($0) } ?? scalars.count
        let end = (scalars.lastIndex { !isSpace($0) } ?? -1) + 1
        var text = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            if scalar == "\0" { text.append(contentsOf: "\\00".unicodeScalars); continue }
            if index < start || index >= end || ",=+<>#;\"\\".unicodeScalars.contains(scalar) { text.append("\\") }
            text.append(scalar)
        }
        return String(text)
    }
}
