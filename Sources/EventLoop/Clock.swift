internal import CJackdaw

/// A point of the monotonic clock. Only differences mean something.
public struct MonotonicTime: Sendable, Comparable, Hashable {
    public var nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static let never = MonotonicTime(nanoseconds: .max)

    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// `self` and so many milliseconds; a negative count is taken as none, and the sum ends at `never`.
    package func advanced(byMs milliseconds: some BinaryInteger) -> Self {
        guard milliseconds > 0 else { return self }
        let (product, productOverflows) = UInt64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
        let (sum, sumOverflows) = nanoseconds.addingReportingOverflow(product)
        return productOverflows || sumOverflows ? .never : Self(nanoseconds: sum)
    }

    /// Whole milliseconds from `earlier` to `self`, never negative.
    package func milliseconds(since earlier: Self) -> Int64 {
        self <= earlier ? 0 : Int64((nanoseconds - earlier.nanoseconds) / 1_000_000)
    }
}

/// Time as the broker sees it: comes in from outside, so that tests own it.
open class Clock: @unchecked Sendable {  // subclasses guard what they keep; this one keeps nothing
    public init() {}

    /// For waits and deadlines.
    open func now() -> MonotonicTime { MonotonicTime(nanoseconds: jd_monotonic_ns()) }

    /// For timestamps in records: milliseconds since 1970, UTC.
    open func wallMs() -> Int64 { jd_realtime_ns() / 1_000_000 }
}
