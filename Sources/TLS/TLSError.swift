internal import COpenSSL

/// Why a configuration, a file or a connection did not do: for the operator, in words.
package struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A value that is not allowed or does not fit another.
        case configuration
        /// A file that cannot be read, or holds something else than it should.
        case material
        /// The library or the machine refused.
        case library
    }
    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// What OpenSSL put into the thread's queue, oldest first; the queue is empty afterwards.
struct OpenSSLErrors {
    struct Entry: Equatable {
        let library: Int32
        let reason: Int32
        let text: String
    }
    let entries: [Entry]

    static func take() -> OpenSSLErrors {
        var entries: [Entry] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { break }
            // ERR_GET_LIB and ERR_GET_REASON are macros; the layout is part of OpenSSL 3's interface.
            let isSystem = code & 0x8000_0000 != 0
            let library = isSystem ? 2 : Int32((code >> 23) & 0xFF)
            let reason = Int32(code & (isSystem ? 0x7FFF_FFFF : 0x7F_FFFF))
            let text = ERR_reason_error_string(code).map { String(cString: $0) }
            entries.append(Entry(library: library, reason: reason, text: text ?? "OpenSSL error \(code)"))
            if entries.count >= 16 { ERR_clear_error(); break }
        }
        return OpenSSLErrors(entries: entries)
    }

    func has(_ library: Int32, _ reason: Int32) -> Bool {
        entries.contains { $0.library == library && $0.reason == reason }
    }

    /// The reasons in one line, without repetitions.
    var text: String {
        var texts: [String] = []
        for entry in entries where !texts.contains(entry.text) { texts.append(entry.text) }
        return texts.isEmpty ? "no reason given" : texts.joined(separator: "; ")
    }
}
