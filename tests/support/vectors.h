/*
 * Hashes of VECTOR_PASSWORD that other software made, each with the command that made it: Debian
 * 12's slapd 2.5.13 (and slapd-contrib), whois 5.5.17, argon2 0~20171227, openssl 3.0, freeradius
 * 3.2.1 and Python 3.11.  P stands for the password.
 */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#define VECTOR_PASSWORD "correct horse"

static const char *const vectors[] = {
	/* slappasswd -s P -h '{SHA}', '{SSHA}' */
	"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
	"{SSHA}/bo2dNEFUOT7VqJ5w1WkrQgZv2bWjFbT",
	/* slappasswd -o module-load=pw-sha2.la -s P -h '{SHA256}', '{SSHA256}' ... */
	"{SHA256}QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=",
	"{SSHA256}crP/qR+d5/IaUznE10FTNfhQYuvAmrhNi/gEnzzosuhHFGVl6TwTvw==",
	"{SHA384}ArIKby67E2Cppg9M+QhXNj7UGcAisSFWfOX5HG45Zk+3j9YCNMSli1v8cUWumDKS",
	"{SSHA384}"
	"vPcZ6VyhH3qPMUq9ZlLWr9XtBmB7puTQ/h2LyouNsQx08vIBHarnyoSzPm2kaQnnq1YXaUaatjY=",
	"{SHA512}"
	"VraY3v7bWkNbY0r+MyC7rz/c2SC2xQOkRvx7endrKY1HnRumqLYXgI6wv1ec6aldZoNHvKtxSQhayTyyeZUZew==",
	"{SSHA512}PwdQLXZcWzHKqHUFvkvq9JwrCdBQ26VEHUKxgQSrGrortbzLIPMkCqtVzxE8LFM/"
	"Zo7XWUICgmm+uf4uaNnqDxORmAs3v6KB",
	/* slappasswd -o module-load=pw-pbkdf2.la -s P -h '{PBKDF2}', '{PBKDF2-SHA1}' ... */
	"{PBKDF2}10000$1qUIac08oUm02YC7hg4WYg$89P8EuevNd4rr7.ZGdp3dQLaUUo",
	"{PBKDF2-SHA1}10000$cZoAIpBw1Frh.FiASR32mw$i4mpSA7vPg0yRHOjD/TJvJyxEw8",
	"{PBKDF2-SHA256}10000$EIff.LAetvYK1ZRjZLbQqA$AzytGqhws6Jy4mKYQanZ1BMek23SUrC.B868gEVtWp4",
	"{PBKDF2-SHA512}10000$BKpsZhEzHtCprOD0FnjooQ$"
	"gSqcSAR12EcwQdjUpL673QhQ1K.qItzt8OiCXEjS0.Y/"
	"QhAu8I13pAKhpNzIRNzzpMjcubAirHBZ5X36XJotCA",
	/* slappasswd -o module-load=argon2.la -s P -h '{ARGON2}' */
	"{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$dyippobwKoDfzXNVcR6CeQ$+"
	"52N+P0VzAHeIu5yS5V4VtodA2q9u7e1os+c6S1ZGoo",
	/* printf %s P | argon2 saltsaltsaltsalt -id -t 3 -k 4096 -p 1 -e; then with -i and -p 2 */
	"$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
	"rxk9Q9nGM19FnwhTrfspDC1V1bWPBFSg5XTk/f/MGoM",
	"$argon2i$v=19$m=4096,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$"
	"B9f2QJXKqmSVyoalWKq5mdr6JZazlL/mAcTmSsY08r0",
	/* mkpasswd -m md5crypt P; then -m sha256crypt, sha512crypt, yescrypt */
	"{CRYPT}$1$beZZQ14A$N345FpJ30lEjEsq5piAEZ0",
	"{CRYPT}$5$q1iG5A.AItoYbQWi$nIp13rkDkVBUoMDGL9sGG9rHRvlKkHmcL23Y63873V8",
	"{CRYPT}$6$8vULFbf5P1RNiirs$Zgrld2F8YxdAkPYPNKyKEyHoEllM578uYQVDrMNxFUyEYpAC2q98wdKM7tVrL69"
	"CVVKF8udbnZXzij1cTLne21",
	"{CRYPT}$y$j9T$872d7AB6t5IPcMnMvwSAp0$GifkWaHUtrEZqoADvVs3z7bXbg//cwRnqaimYJgbKP6",
	/* printf '%s\n' P | openssl passwd -1 -stdin; then with -5 and -6 */
	"$1$uybRWKLB$K/cLqfqeoxjenqKUPc/NS0",
	"$5$7K5C2Wt5N7FZ7m2v$pTXdyLHact9o5xdz/EeyidKjEifwbRgipB.lV23/xE6",
	"$6$lED4IP3g.pnXSVVx$0bjADLCf7U0fuQ77uupmbCjtyEjVxyVZ3P3EYV6Q3AxIi7fz2aZVxc111Yo92ZIEPHw9wC"
	"W3mDgxRVn7gMG.F/",
	/* smbencrypt P: the second column */
	"{NT}CFC43211BA8DC470832267827CAC1407",
	"sambaNTPassword: CFC43211BA8DC470832267827CAC1407",
	/* the same in base64 */
	"ipaNTHash: z8QyEbqNxHCDImeCfKwUBw==",
	/* As Django: base64.b64encode(hashlib.pbkdf2_hmac("sha256", P, b"seasalt", 1000)) */
	"pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
	"pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=",
	/* As 389-ds: iterations, the salt bytes(range(64)), pbkdf2_hmac("sha256", P, salt, 2048,
	 * 256)
	 */
	"{PBKDF2_SHA256}"
	"AAAIAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj"
	"+OPAdLOzcpJWTx02zJjQRiugrHvGn232hA5qzOdMxW5h0lp19XE3d25OTB+"
	"hPEpt7ei7iRsVau3fajhIwPe9P6Bq13NTOmNbVs0yotN8kFDlVSxPLEu00f2J+e9CVPF+ox+vIOTyLHh/"
	"RA7JoQRTgF0e0/0q5X0CSqwa5I6pWjsA6jfqFN+uYeigLA4P7Y9PiZvtE1NLbsa/"
	"Tir0KZopiGEq04cjKBjwco0icfwCLfdSh4lu3hdAs/IFT2z3Sp7sIUiWqy1gbvpi+"
	"9nJaUIBtMDcmGKIasqq9jApFrp9NckSRsGyyOw3pxHCiMBvoBC4LeiRh27cCfx0KUFKfCUlGZ",
};

enum { VECTOR_COUNT = sizeof(vectors) / sizeof(vectors[0]) };

#endif
