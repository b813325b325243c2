#include "core/reserved.h"

#include "core/builtin_profiles.h"

/* clang-format off */
static const char reserved[] =
    /* words of DNs */
    "dn app "
    /* attributes that are shown under a standard name (SPEC 8.5) */
    "objectclass uid userid cn commonname sn surname givenname gn description member uniquemember "
    "ou organizationalunitname dc domaincomponent userpassword displayname mail rfc822mailbox "
    "email emailaddress emailprimary uidnumber gidnumber gecos homedirectory loginshell memberuid "
    "sshpublickey keys memberof "
    /* validity for clients that decide on their own */
    "shadowexpire shadowlastchange shadowmin shadowmax shadowwarning shadowinactive shadowflag "
    "krbprincipalexpiration accountexpires useraccountcontrol nsaccountlock logindisabled "
    "pwdaccountlockedtime pwdchangedtime pwdfailuretime pwdreset pwdpolicysubentry pwdhistory "
    "pwdgraceusetime "
    /* operational: RFC 4512, RFC 3045, RFC 3672, RFC 4530, RFC 5020, OpenLDAP */
    "entryuuid entrydn entrycsn contextcsn entryttl createtimestamp modifytimestamp creatorsname "
    "modifiersname hassubordinates numsubordinates subschemasubentry structuralobjectclass "
    "governingstructurerule subtreespecification administrativerole aliasedobjectname ref "
    "namingcontexts defaultnamingcontext altserver supportedcontrol supportedextension "
    "supportedfeatures supportedldapversion supportedsaslmechanisms vendorname vendorversion "
    "attributetypes objectclasses matchingrules matchingruleuse ldapsyntaxes ditcontentrules "
    "ditstructurerules nameforms "
    /* of cn=monitor */
    "monitorcontext monitoredinfo monitorcounter monitoropinitiated monitoropcompleted "
    "monitorserver monitorcontainer monitoredobject "
    /* object classes */
    "top alias referral extensibleobject subentry subschema person organizationalperson "
    "inetorgperson account posixaccount shadowaccount posixgroup ldappublickey groupofnames "
    "groupofuniquenames organizationalunit domain dcobject";
/* clang-format on */

bool
idm_name_is_reserved(struct idm_span name)
{
	const char *rest = reserved;
	struct idm_span word;

	while (idm_word_next(&rest, &word)) {
		if (idm_span_equal_nocase(name, word))
			return true;
	}
	return false;
}
