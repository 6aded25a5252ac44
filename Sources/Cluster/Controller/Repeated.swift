extension Sequence where Element: Hashable {
    /// What occurs more than once; a request may have many elements, so nothing is compared with all others.
    var repeated: Set<Element> {
        var seen: Set<Element> = []
        var twice: Set<Element> = []
        for element in self where !seen.insert(element).inserted { twice.insert(element) }
        return twice
    }
}
