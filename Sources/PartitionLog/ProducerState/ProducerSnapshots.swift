internal import Files

/// The `.snapshot` files of a partition: one at the base of each segment, and one at the recovery point.
enum ProducerSnapshots {
    static func path(_ directory: String, _ offset: Int64) -> String {
        directory + "/" + SegmentName.digits(offset) + SegmentSuffix.snapshot
    }

    /// Their offsets, ascending.
    static func offsets(_ names: [String]) -> [Int64] {
        names.compactMap { name in
            guard let (offset, suffix) = SegmentName.parse(name), suffix == SegmentSuffix.snapshot else { return nil }
            return offset
        }.sorted()
    }

    /// Removes those that belong to no segment, but for the latest and the one before it.
    static func removeOld(
        _ directory: String, keeping bases: Set<Int64>, latest: Int64, of fileSystem: FileSystem
    ) throws(FileError) {
        let stray = offsets(try fileSystem.list(directory)).filter { !bases.contains($0) && $0 < latest }
        for offset in stray.dropLast() { try fileSystem.remove(path(directory, offset)) }
    }
}
