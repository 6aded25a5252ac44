internal import CommandLineOptions
internal import Files
internal import Glibc
internal import Inspection

/// Shows files or directories; the process's exit code.
func inspect(_ options: InspectOptions) -> Int32 {
    guard !options.paths.isEmpty else {
        complain(UsageError("jackdaw inspect: a directory or a file is expected. See jackdaw inspect --help"))
        return Verdict.unreadable.rawValue
    }
    var wanted = InspectionOptions()
    wanted.showsRecords = !options.batchesOnly
    wanted.verifies = options.verify
    let findings = Findings(options.json ? .json : .text, writeAll)
    let fileSystem = PosixFileSystem()
    var directories: [String] = []
    for path in options.paths {
        do throws(FileError) {
            guard let found = try fileSystem.status(path) else {
                findings.unreadable("\(path): there is no such file or directory")
                continue
            }
            if found.isDirectory {
                directories.append(path)
            } else {
                FileInspection(path, fileSystem, wanted, findings).run()
            }
        } catch {
            findings.unreadable("\(error)")
        }
    }
    if !directories.isEmpty { DirectoryInspection(directories, fileSystem, wanted, findings).run() }
    findings.flush()
    return findings.verdict.rawValue
}

/// On standard output; where nobody reads it any more, there is nothing left to do.
private func writeAll(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
        var done = 0
        while done < bytes.count {
            let put = write(1, bytes.baseAddress! + done, bytes.count - done)
            if put < 0 {
                if errno == EINTR { continue }
                exit(Verdict.unreadable.rawValue)
            }
            done += put
        }
    }
}
