// OpenSSL's macros as functions, and the corking BIO.
#pragma once
