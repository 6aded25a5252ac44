internal import CPCRE2

/// A regular expression in Perl's dialect, which Java's follows. What a search may cost is bounded: the texts come from strangers.
final class Pattern: @unchecked Sendable {  // compiled once, then only read
    /// A match as ranges of the subject's UTF-8: the whole, and its groups from number 0, the whole again; nil for a group that
    /// took no part.
    struct Match {
        var range: Range<Int>
        var groups: [Range<Int>?]
    }

    private let code: OpaquePointer
    private let limits: OpaquePointer
    private let groupCount: Int

    /// Steps of one search; the longest subject against a sane pattern needs a few thousand.
    private static let maximumSteps: UInt32 = 1_000_000

    /// nil: not a regular expression.
    init?(_ text: String) {
        var error: Int32 = 0, place = 0
        var text = text
        let compiled = text.withUTF8 { bytes in
            let context = pcre2_compile_context_create_8(nil)
            defer { pcre2_compile_context_free_8(context) }
            // What ends a line: Java's line terminators.
            pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_ANY))
            return pcre2_compile_8(bytes.baseAddress, bytes.count, UInt32(PCRE2_UTF), &error, &place, context)
        }
        guard let compiled, let limits = pcre2_match_context_create_8(nil) else { return nil }
        code = compiled
        self.limits = limits
        pcre2_set_match_limit_8(limits, Self.maximumSteps)
        var count: UInt32 = 0
        pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
        groupCount = Int(count)
    }

    deinit {
        pcre2_code_free_8(code)
        pcre2_match_context_free_8(limits)
    }

    /// Whether it fits the subject from end to end.
    func matchesAll(of subject: [UInt8]) -> Bool {
        match(subject, from: 0, options: UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED)) != nil
    }

    /// The first match that begins at `start` or later.
    func firstMatch(in subject: [UInt8], from start: Int) -> Match? { match(subject, from: start, options: 0) }

    private func match(_ subject: [UInt8], from start: Int, options: UInt32) -> Match? {
        guard let found = pcre2_match_data_create_from_pattern_8(code, nil) else { return nil }
        defer { pcre2_match_data_free_8(found) }
        let count = subject.withUnsafeBufferPointer { bytes in
            pcre2_match_8(code, bytes.baseAddress, bytes.count, start, options, found, limits)
        }
        guard count > 0, let ends = pcre2_get_ovector_pointer_8(found) else { return nil }
        func range(_ group: Int) -> Range<Int>? {
            // -1 (PCRE2_UNSET): it took no part. A \K may set the start behind the end.
            let from = ends[2 * group], to = ends[2 * group + 1]
            return group < Int(count) && from >= 0 && from <= to && to <= subject.count ? from..<to : nil
        }
        guard let whole = range(0) else { return nil }
        return Match(range: whole, groups: (0...groupCount).map(range))
    }
}
