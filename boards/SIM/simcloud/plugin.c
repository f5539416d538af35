/* A mosquitto plugin without an opinion: it asks the stand-in for AWS IoT (wire.py) about every connection and
 * every packet, and cuts off whoever gets a no. Nobody to ask, or no answer in time, is a no for everybody. What is
 * published it shows to the stand-in, and publishes what the stand-in has to say.
 *
 * Two of mosquitto's habits are used here. An error that isn't MOSQ_ERR_AUTH or MOSQ_ERR_ACL_DENIED closes the
 * connection without a CONNACK, PUBACK or SUBACK, which is what AWS does. And a client's address stays the same
 * as long as anything is done on its behalf, so it serves as the session's handle.
 */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

/* OpenSSL's, from the library that mosquitto has loaded: not worth a package of headers. */
typedef struct X509_VERIFY_PARAM_st X509_VERIFY_PARAM;
extern X509_VERIFY_PARAM *X509_VERIFY_PARAM_new(void);
extern int X509_VERIFY_PARAM_set1_name(X509_VERIFY_PARAM *param, const char *name);
extern int X509_VERIFY_PARAM_set_flags(X509_VERIFY_PARAM *param, unsigned long flags);
extern int X509_VERIFY_PARAM_set_purpose(X509_VERIFY_PARAM *param, int purpose);
extern int X509_VERIFY_PARAM_set_trust(X509_VERIFY_PARAM *param, int trust);
extern int X509_VERIFY_PARAM_add0_table(X509_VERIFY_PARAM *param);
#define X509_V_FLAG_PARTIAL_CHAIN 0x80000
#define SSL_CLIENT_PURPOSE 1
#define SSL_CLIENT_TRUST 2
typedef struct x509_st X509;
typedef struct evp_md_st EVP_MD;
extern const EVP_MD *EVP_sha256(void);
extern int X509_digest(const X509 *certificate, const EVP_MD *type, unsigned char *digest, unsigned int *length);
extern int i2d_X509(const X509 *certificate, unsigned char **out);
extern void X509_free(X509 *certificate);
#define SHA256_BYTES 32
#define MAX_CERTIFICATE 8192

#define CUT_OFF MOSQ_ERR_UNKNOWN
#define PATIENCE_SECONDS 10
#define TICK_MILLISECONDS 100
#define MAX_ANSWER 131072

static int service = -1;

/* Sends a question made with asprintf, takes its memory, and returns the answer's length; 0 is no answer. */
static size_t ask(char *question, int length, char *answer, size_t size)
{
	ssize_t got = 0;
	if (length > 0 && service >= 0 && send(service, question, (size_t)length, MSG_NOSIGNAL) == length) {
		got = recv(service, answer, size, 0);
	}
	if (length > 0) {
		free(question);
	}
	if (got <= 0 && service >= 0) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "The stand-in doesn't answer: everything is refused from here on");
		close(service); /* a late answer would be taken for the next question's */
		service = -1;
	}
	return got > 0 ? (size_t)got : 0;
}

static bool allowed(char *question, int length)
{
	char answer;
	return ask(question, length, &answer, 1) == 1 && answer == 'y';
}

static void to_hex(const unsigned char *data, int length, char *hex)
{
	hex[0] = '\0';
	for (int i = 0; i < length; i++) {
		sprintf(hex + 2 * i, "%02x", data[i]);
	}
}

/* The certificate's SHA-256 in hex, as in AWS's certificate ID, and the certificate; empty if the client has none, or
 * a larger one than any that is taken. */
static void shown(const struct mosquitto *client, char id[2 * SHA256_BYTES + 1], char der[2 * MAX_CERTIFICATE + 1])
{
	unsigned char digest[SHA256_BYTES], bytes[MAX_CERTIFICATE], *end = bytes;
	unsigned int length = 0;
	X509 *certificate = mosquitto_client_certificate(client);
	int size = certificate ? i2d_X509(certificate, NULL) : 0;

	id[0] = der[0] = '\0';
	if (size > 0 && size <= MAX_CERTIFICATE && X509_digest(certificate, EVP_sha256(), digest, &length)) {
		i2d_X509(certificate, &end);
		to_hex(digest, (int)length, id);
		to_hex(bytes, size, der);
	}
	X509_free(certificate);
}

static int on_connect(int event, void *data, void *unused)
{
	struct mosquitto *client = ((struct mosquitto_evt_basic_auth *)data)->client;
	char id[2 * SHA256_BYTES + 1], der[2 * MAX_CERTIFICATE + 1];
	char *question;

	(void)event, (void)unused;
	shown(client, id, der);
	int length = asprintf(&question, "connect%c%p%c%s%c%s%c%d%c%s", 0, (void *)client, 0, id, 0,
		mosquitto_client_id(client), 0, mosquitto_client_clean_session(client), 0, der);
	return allowed(question, length) ? MOSQ_ERR_SUCCESS : CUT_OFF;
}

static int on_packet(int event, void *data, void *unused)
{
	const struct mosquitto_evt_acl_check *check = data;
	const char *kind;
	char *question;

	(void)event, (void)unused;
	switch (check->access) {
	case MOSQ_ACL_WRITE:
		kind = "publish";
		break;
	case MOSQ_ACL_SUBSCRIBE:
		kind = "subscribe";
		break;
	case MOSQ_ACL_READ:
		kind = "receive";
		break;
	default: /* everybody may unsubscribe */
		kind = "unsubscribe";
	}
	int length = asprintf(&question, "%s%c%p%c%u%c%u%c%u%c%s", kind, 0, (void *)check->client, 0, check->qos, 0,
		check->retain, 0, check->payloadlen, 0, check->topic);
	if (allowed(question, length)) {
		return MOSQ_ERR_SUCCESS;
	}
	/* A message that a client may not receive isn't delivered; that is no fault of the client's. */
	return check->access == MOSQ_ACL_READ ? MOSQ_ERR_ACL_DENIED : CUT_OFF;
}

/* Of a packet that was allowed: the payload stands last, for it may hold anything. */
static int on_message(int event, void *data, void *unused)
{
	const struct mosquitto_evt_message *message = data;
	char *header;

	(void)event, (void)unused;
	int length = asprintf(&header, "message%c%p%c%s%c", 0, (void *)message->client, 0, message->topic, 0);
	char *question = length > 0 ? realloc(header, (size_t)length + message->payloadlen) : NULL;
	if (question) {
		memcpy(question + length, message->payload, message->payloadlen);
		allowed(question, length + (int)message->payloadlen);
	}
	return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event, void *data, void *unused)
{
	char *question;
	struct mosquitto_evt_disconnect *gone = data;

	(void)event, (void)unused;
	int length = asprintf(&question, "gone%c%p%c%d", 0, (void *)gone->client, 0, gone->reason);
	allowed(question, length);
	return MOSQ_ERR_SUCCESS;
}

/* The field behind this one, or the end. */
static char *after(char *field, char *end)
{
	return field + strlen(field) + 1 < end ? field + strlen(field) + 1 : end;
}

/* CLIENT (all that have subscribed, if it is empty), QoS, TOPIC, PAYLOAD; where the rest of the answer begins. */
static char *publish(char *client, char *end)
{
	char *qos = after(client, end), *topic = after(qos, end), *payload = after(topic, end);

	if (payload < end) {
		mosquitto_broker_publish_copy(*client ? client : NULL, topic, (int)strlen(payload), payload, atoi(qos), false,
			NULL);
	}
	return after(payload, end);
}

/* Again and again: whom to cut off although they are silent, and what there is to say. */
static int on_tick(int event, void *data, void *unused)
{
	static char answer[MAX_ANSWER + 1];
	static long long last;
	struct timespec clock;
	char *question;

	(void)event, (void)data, (void)unused;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	long long now = clock.tv_sec * 1000LL + clock.tv_nsec / 1000000;
	if (now - last < TICK_MILLISECONDS) {
		return MOSQ_ERR_SUCCESS;
	}
	last = now;
	int asked = asprintf(&question, "tick");
	size_t length = ask(question, asked, answer, MAX_ANSWER);
	answer[length] = '\0';
	for (char *kind = after(answer, answer + length), *end = answer + length; kind < end;) {
		char *what = after(kind, end);
		if (strcmp(kind, "publish") == 0) {
			kind = publish(what, end);
		} else {
			mosquitto_kick_client_by_clientid(what, true);
			kind = after(what, end);
		}
	}
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_version(int count, const int *supported)
{
	for (int i = 0; i < count; i++) {
		if (supported[i] == MOSQ_PLUGIN_VERSION) {
			return MOSQ_PLUGIN_VERSION;
		}
	}
	return -1;
}

/* What OpenSSL goes by for clients: a certificate that is itself trusted needs no CA (AWS registers such ones). */
static bool trust_certificates_without_ca(void)
{
	X509_VERIFY_PARAM *param = X509_VERIFY_PARAM_new();

	return param && X509_VERIFY_PARAM_set1_name(param, "ssl_client")
		&& X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN)
		&& X509_VERIFY_PARAM_set_purpose(param, SSL_CLIENT_PURPOSE)
		&& X509_VERIFY_PARAM_set_trust(param, SSL_CLIENT_TRUST) && X509_VERIFY_PARAM_add0_table(param);
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *self, void **unused, struct mosquitto_opt *options, int count)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};

	(void)unused;
	for (int i = 0; i < count; i++) {
		if (strcmp(options[i].key, "socket") == 0) {
			service = atoi(options[i].value);
		}
	}
	if (service < 0 || setsockopt(service, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "plugin_opt_socket has to be the descriptor of an open socket");
		return MOSQ_ERR_INVAL;
	}
	bool registered = trust_certificates_without_ca()
		&& mosquitto_callback_register(self, MOSQ_EVT_BASIC_AUTH, on_connect, NULL, NULL) == 0
		&& mosquitto_callback_register(self, MOSQ_EVT_ACL_CHECK, on_packet, NULL, NULL) == 0
		&& mosquitto_callback_register(self, MOSQ_EVT_MESSAGE, on_message, NULL, NULL) == 0
		&& mosquitto_callback_register(self, MOSQ_EVT_DISCONNECT, on_disconnect, NULL, NULL) == 0
		&& mosquitto_callback_register(self, MOSQ_EVT_TICK, on_tick, NULL, NULL) == 0;
	return registered ? MOSQ_ERR_SUCCESS : MOSQ_ERR_UNKNOWN;
}

int mosquitto_plugin_cleanup(void *unused, struct mosquitto_opt *options, int count)
{
	(void)unused, (void)options, (void)count;
	return MOSQ_ERR_SUCCESS;
}
