internal import CompatKit
internal import Glibc

/// The rules that are used where none are named: the file beside the sources that this program was built from, or one that the
/// variable JACKDAW_COMPAT_RULES names.
enum RulesFile {
    static func rules(_ path: String?) throws -> Rules {
        if let path { return try Rules(reading: path) }
        if let path = getenv("JACKDAW_COMPAT_RULES") { return try Rules(reading: String(cString: path)) }
        for candidate in ["compat/rules.txt", "rules.txt"] where access(candidate, R_OK) == 0 {
            return try Rules(reading: candidate)
        }
        throw ConversationError(
            file: "compat/rules.txt",
            reason: "no rules here; name a file with --rules or the variable JACKDAW_COMPAT_RULES")
    }
}
