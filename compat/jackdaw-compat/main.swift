internal import CommandLineOptions
internal import CompatKit
internal import Glibc

exit(CompatProgram.run(CommandLineProgram.words))
