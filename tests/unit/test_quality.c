/* What a password chosen by a person may not be (SPEC 6.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/credential.h"

#define WEAK "it is too easy to guess: add words that few people think of"

static const struct idm_span own_words[] = { IDM_SPAN_LIT("demo_user"),
	IDM_SPAN_LIT("J\xc3\xb6rg Bartholomew"), IDM_SPAN_LIT("postmaster@idm.example.com"),
	IDM_SPAN_LIT("") };
static const struct idm_span badlist[] = { IDM_SPAN_LIT("qx9 under the pale roof"),
	IDM_SPAN_LIT("\xc3\xa9"
		     "toile du nord 1931") };

static const struct idm_quality quality = {
	.min_chars = IDM_PASSWORD_MIN_CHARS,
	.words = own_words,
	.word_count = sizeof(own_words) / sizeof(own_words[0]),
	.badlist = badlist,
	.badlist_count = sizeof(badlist) / sizeof(badlist[0]),
	.radius_secret = IDM_SPAN_LIT("Kx7fJ-q2mPz-9wRt4-vB8nc"),
};

static void
assert_refused(struct idm_span password, const char *rules)
{
	static const char prefix[] = "the password can't be taken: ";
	struct idm_error err;

	assert_int_equal(idm_password_judge(password, &quality, &err), IDM_CONSTRAINT);
	assert_memory_equal(err.client_text, prefix, sizeof(prefix) - 1);
	assert_string_equal(err.client_text + sizeof(prefix) - 1, rules);
	assert_string_equal(err.text, err.client_text);
}

static void
assert_taken(struct idm_span password)
{
	struct idm_error err = { .text = "" };

	if (idm_password_judge(password, &quality, &err) != IDM_OK)
		fail_msg("%s", err.text);
}

static void
good_passwords_are_taken(void **state)
{
	char generated[IDM_GENERATED_PASSWORD_BYTES];

	(void)state;
	assert_taken(IDM_SPAN_LIT("correct horse battery staple"));
	assert_taken(IDM_SPAN_LIT("eicieY7meijai5y"));
	assert_taken(IDM_SPAN_LIT("Zw\xc3\xb6lf Boxk\xc3\xa4mpfer \xf0\x9f\xa5\x8a"));
	assert_taken(
	    IDM_SPAN_LIT("user of violet granite")); /* a short own word does not spoil it */
	assert_true(idm_password_generate(generated));
	assert_taken(idm_span_cstr(generated));
}

static void
length_counts_characters_and_not_octets(void **state)
{
	(void)state;
	assert_refused(IDM_SPAN_LIT("kG7#vQ2!xZ9$wL"), "it needs at least 15 characters");
	assert_taken(IDM_SPAN_LIT("kG7#vQ2!xZ9$wLp"));
	/* 14 characters, 28 octets */
	assert_refused(
	    IDM_SPAN_LIT("\xd0\xba\xd1\x8a\xd0\xb6\xd1\x85\xd0\xb2\xd1\x8d\xd1\x84\xd1\x89"
			 "\xd0\xba\xd1\x8a\xd0\xb6\xd1\x85\xd0\xb2\xd1\x8d"),
	    "it needs at least 15 characters");
}

static void
the_policys_length_counts_and_none_means_the_default(void **state)
{
	struct idm_quality policy = quality;
	struct idm_error err;

	(void)state;
	policy.min_chars = 20;
	assert_int_equal(
	    idm_password_judge(IDM_SPAN_LIT("kG7#vQ2!xZ9$wLpMe4t"), &policy, &err), IDM_CONSTRAINT);
	assert_string_equal(
	    err.client_text, "the password can't be taken: it needs at least 20 characters");
	policy.min_chars = 0;
	assert_int_equal(
	    idm_password_judge(IDM_SPAN_LIT("kG7#vQ2!xZ9$wL"), &policy, &err), IDM_CONSTRAINT);
	policy.min_chars = 10;
	assert_int_equal(idm_password_judge(IDM_SPAN_LIT("kG7#vQ2!xZ"), &policy, &err), IDM_OK);
}

static void
every_broken_rule_is_told(void **state)
{
	(void)state;
	assert_refused(IDM_SPAN_LIT("demo_user"),
	    "it needs at least 15 characters; it is mostly the account's own words; " WEAK);
	assert_refused(IDM_SPAN_LIT(""), "it is empty");
}

static void
the_accounts_own_words_may_not_make_up_most_of_it(void **state)
{
	(void)state;
	assert_refused(
	    IDM_SPAN_LIT("DEMO_userDemo_User"), "it is mostly the account's own words; " WEAK);
	assert_refused(IDM_SPAN_LIT("Bartholomew;xK7q%wZ"), "it is mostly the account's own words");
	/* parts of a mail address, and letters that are not ASCII, in any case */
	assert_refused(IDM_SPAN_LIT("postmaster;xK7q%w#Z"), "it is mostly the account's own words");
	assert_refused(
	    IDM_SPAN_LIT("J\xc3\x96RGBARTHOLOMEWxK7q%"), "it is mostly the account's own words");
	assert_taken(IDM_SPAN_LIT("Bartholomew;xK7q%wZ-rune#v"));
}

static void
the_badlist_counts_in_any_case(void **state)
{
	(void)state;
	assert_refused(
	    IDM_SPAN_LIT("qx9 under the pale roof"), "it is on the list of bad passwords");
	assert_refused(
	    IDM_SPAN_LIT("QX9 Under The Pale Roof"), "it is on the list of bad passwords");
	assert_refused(IDM_SPAN_LIT("\xc3\x89"
				    "toile du Nord 1931"),
	    "it is on the list of bad passwords");
	assert_taken(IDM_SPAN_LIT("qx9 under the pale roofs"));
	assert_taken(IDM_SPAN_LIT("qx9 under the pale roo"));
}

static void
the_radius_secret_is_no_password(void **state)
{
	struct idm_quality without = quality;

	(void)state;
	assert_refused(IDM_SPAN_LIT("Kx7fJ-q2mPz-9wRt4-vB8nc"), "it is the RADIUS secret");
	without.radius_secret = IDM_SPAN_EMPTY;
	assert_int_equal(
	    idm_password_judge(IDM_SPAN_LIT("Kx7fJ-q2mPz-9wRt4-vB8nc"), &without, NULL), IDM_OK);
}

static void
what_is_easy_to_guess_is_refused(void **state)
{
	static const char *const easy[] = { "passwordpassword1", "123456789012345678",
		"aaaaaaaaaaaaaaaaaaaaa", "qwertyuiopasdfghjkl", "abcabcabcabcabcabc" };

	(void)state;
	for (size_t i = 0; i < sizeof(easy) / sizeof(easy[0]); i++)
		assert_refused(idm_span_cstr(easy[i]), WEAK);
}

static void
what_is_no_text_is_refused(void **state)
{
	static const char rule[] = "it is not UTF-8, or holds a control character";

	(void)state;
	assert_refused(IDM_SPAN_LIT("correct horse\0battery"), rule);
	assert_refused(IDM_SPAN_LIT("correct horse\nbattery"), rule);
	assert_refused(IDM_SPAN_LIT("correct horse\x7f"
				    "battery"),
	    rule);
	assert_refused(IDM_SPAN_LIT("correct horse\xc2\x85"
				    "battery"),
	    rule); /* C1 */
	assert_refused(IDM_SPAN_LIT("correct horse\xe2\x80\xa8"
				    "battery"),
	    rule); /* U+2028 */
	assert_refused(IDM_SPAN_LIT("correct horse\xff"
				    "battery"),
	    rule);
	assert_refused(IDM_SPAN_LIT("correct horse battery\xc3"), rule); /* cut */
	assert_refused(IDM_SPAN_LIT("correct horse\xc0\xaf"
				    "battery"),
	    rule); /* overlong */
	assert_refused(IDM_SPAN_LIT("correct horse\xed\xa0\x80"
				    "battery"),
	    rule); /* surrogate */
}

static void
the_longest_passwords_are_judged_too(void **state)
{
	uint8_t password[IDM_PASSWORD_MAX_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(password); i++)
		password[i] = (uint8_t)('!' + i * i * 31 % 89);
	assert_refused(idm_span_of(password, sizeof(password)), "it has more than 1024 octets");
	assert_taken(idm_span_of(password, IDM_PASSWORD_MAX_BYTES));
	/* as many own words as there can be, in a password of one letter */
	memset(password, 'd', IDM_PASSWORD_MAX_BYTES);
	assert_refused(idm_span_of(password, IDM_PASSWORD_MAX_BYTES), WEAK);
}

static void
more_words_than_there_is_room_for_do_no_harm(void **state)
{
	static uint8_t text[1000];
	struct idm_span words[40];
	struct idm_quality many = { .words = words, .word_count = 40 };

	(void)state;
	memset(text, 'w', sizeof(text));
	for (size_t i = 0; i < sizeof(text); i += 5)
		text[i] = ' ';
	for (size_t i = 0; i < 40; i++)
		words[i] = idm_span_of(text, sizeof(text));
	assert_int_equal(
	    idm_password_judge(IDM_SPAN_LIT("correct horse battery staple"), &many, NULL), IDM_OK);
	assert_int_equal(
	    idm_password_judge(IDM_SPAN_LIT("wwwwwwwwwwwwwwwwwwww"), &many, NULL), IDM_CONSTRAINT);
}

static void
no_text_shows_the_password(void **state)
{
	struct idm_error err;

	(void)state;
	assert_int_equal(
	    idm_password_judge(IDM_SPAN_LIT("hunter2"), &quality, &err), IDM_CONSTRAINT);
	assert_null(strstr(err.text, "hunter2"));
	assert_null(strstr(err.client_text, "hunter2"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_passwords_are_taken),
		cmocka_unit_test(length_counts_characters_and_not_octets),
		cmocka_unit_test(the_policys_length_counts_and_none_means_the_default),
		cmocka_unit_test(every_broken_rule_is_told),
		cmocka_unit_test(the_accounts_own_words_may_not_make_up_most_of_it),
		cmocka_unit_test(the_badlist_counts_in_any_case),
		cmocka_unit_test(the_radius_secret_is_no_password),
		cmocka_unit_test(what_is_easy_to_guess_is_refused),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(the_longest_passwords_are_judged_too),
		cmocka_unit_test(more_words_than_there_is_room_for_do_no_harm),
		cmocka_unit_test(no_text_shows_the_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
