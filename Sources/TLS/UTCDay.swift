// In release builds, which compile the room as one, `tm` is found by way of OpenSSL's headers.
internal import COpenSSL
internal import Glibc

/// A day for people: `2027-11-25`.
enum UTCDay {
    static func text(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func pad(_ value: Int32) -> String { (value < 10 ? "0" : "") + String(value) }
        return "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))"
    }
}
