BEGIN TRANSACTION;
CREATE TABLE arcops_api_key (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	hash BLOB NOT NULL, 
	scopes TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	revoked BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "arcops_api_key" VALUES('abcdefghijklmnop','old',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F','read',0,4102444800000,NULL);
CREATE TABLE arcops_catalog_entry (
	id BIGINT NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT NOT NULL, 
	more TEXT NOT NULL, 
	tags TEXT NOT NULL, 
	offered VARCHAR(255) NOT NULL, 
	stars INTEGER NOT NULL, 
	ratings INTEGER NOT NULL, 
	changed BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
CREATE TABLE arcops_catalog_meaning (
	name VARCHAR(200) NOT NULL, 
	model VARCHAR(80) NOT NULL, 
	text VARCHAR(80) NOT NULL, 
	vector BLOB NOT NULL, 
	PRIMARY KEY (name, model)
);
CREATE TABLE arcops_catalog_rating (
	name VARCHAR(200) NOT NULL, 
	rater VARCHAR(64) NOT NULL, 
	stars INTEGER NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, rater)
);
CREATE TABLE arcops_catalog_version (
	name VARCHAR(200) NOT NULL, 
	version VARCHAR(255) NOT NULL, 
	document TEXT NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	locks TEXT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	was_offered INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	author TEXT NOT NULL, 
	decider TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	published BIGINT NOT NULL, 
	made BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	PRIMARY KEY (name, version)
);
PRAGMA writable_schema=ON;
INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql)VALUES('table','arcops_catalog_words','arcops_catalog_words',0,'CREATE VIRTUAL TABLE arcops_catalog_words USING fts5(name, title, description, more, tokenize=''porter unicode61 remove_diacritics 2'')');
CREATE TABLE 'arcops_catalog_words_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO "arcops_catalog_words_config" VALUES('version',4);
CREATE TABLE 'arcops_catalog_words_content'(id INTEGER PRIMARY KEY, c0, c1, c2, c3);
CREATE TABLE 'arcops_catalog_words_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO "arcops_catalog_words_data" VALUES(1,X'');
INSERT INTO "arcops_catalog_words_data" VALUES(10,X'00000000000000');
CREATE TABLE 'arcops_catalog_words_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
CREATE TABLE 'arcops_catalog_words_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE arcops_checklist_mark (
	name VARCHAR(63) NOT NULL, 
	version INTEGER NOT NULL, 
	item VARCHAR(63) NOT NULL, 
	evidence VARCHAR(200) NOT NULL, 
	note TEXT NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, version, item)
);
CREATE TABLE arcops_config_publication (
	id VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	said TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_config_release (
	position BIGINT NOT NULL, 
	record VARCHAR(80) NOT NULL, 
	client VARCHAR(63) NOT NULL, 
	profile VARCHAR(63) NOT NULL, 
	schema VARCHAR(200) NOT NULL, 
	artifact VARCHAR(80) NOT NULL, 
	version VARCHAR(200) NOT NULL, 
	percent INTEGER NOT NULL, 
	issued BIGINT NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (position), 
	UNIQUE (record)
);
CREATE TABLE arcops_config_report (
	month VARCHAR(7) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	client VARCHAR(63) NOT NULL, 
	profile VARCHAR(63) NOT NULL, 
	artifact VARCHAR(80) NOT NULL, 
	result VARCHAR(16) NOT NULL, 
	PRIMARY KEY (month, fingerprint, client, profile)
);
CREATE TABLE arcops_config_report_key (
	month VARCHAR(7) NOT NULL, 
	"key" BLOB NOT NULL, 
	PRIMARY KEY (month)
);
CREATE TABLE arcops_cost_day (
	"key" VARCHAR(64) NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	server VARCHAR(63) NOT NULL, 
	tool VARCHAR(200) NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	estimated INTEGER NOT NULL, 
	bytes_in BIGINT NOT NULL, 
	bytes_out BIGINT NOT NULL, 
	tokens_in BIGINT NOT NULL, 
	tokens_out BIGINT NOT NULL, 
	calls BIGINT NOT NULL, 
	failed BIGINT NOT NULL, 
	cpu_sum BIGINT NOT NULL, 
	cpu_calls BIGINT NOT NULL, 
	price_sum BIGINT NOT NULL, 
	unpriced BIGINT NOT NULL, 
	latency_sum BIGINT NOT NULL, 
	audited BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE arcops_cost_event (
	host VARCHAR(64) NOT NULL, 
	number BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	server VARCHAR(63) NOT NULL, 
	tool VARCHAR(200) NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	bytes_in BIGINT NOT NULL, 
	bytes_out BIGINT NOT NULL, 
	tokens_in BIGINT NOT NULL, 
	tokens_out BIGINT NOT NULL, 
	estimated INTEGER NOT NULL, 
	cpu BIGINT, 
	price BIGINT, 
	currency VARCHAR(3) NOT NULL, 
	card VARCHAR(10) NOT NULL, 
	latency BIGINT NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	audited INTEGER NOT NULL, 
	trace VARCHAR(32) NOT NULL, 
	PRIMARY KEY (host, number)
);
CREATE TABLE arcops_feedback (
	id VARCHAR(32) NOT NULL, 
	about VARCHAR(200) NOT NULL, 
	text TEXT NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	answer TEXT NOT NULL, 
	answered_by TEXT NOT NULL, 
	answered BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_host_known (
	host VARCHAR(200) NOT NULL, 
	said TEXT NOT NULL, 
	seen BIGINT NOT NULL, 
	PRIMARY KEY (host)
);
CREATE TABLE arcops_host_restore (
	id VARCHAR(32) NOT NULL, 
	content VARCHAR(80) NOT NULL, 
	artifact VARCHAR(80) NOT NULL, 
	author TEXT NOT NULL, 
	began BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_hosted (
	name VARCHAR(63) NOT NULL, 
	version INTEGER NOT NULL, 
	enabled INTEGER NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	generation BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE arcops_hosted_advisory (
	id VARCHAR(64) NOT NULL, 
	quota VARCHAR(100) NOT NULL, 
	server VARCHAR(63) NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	raised BIGINT, 
	used BIGINT NOT NULL, 
	amount BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_hosted_allowed (
	name VARCHAR(63) NOT NULL, 
	digest VARCHAR(80) NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, digest)
);
CREATE TABLE arcops_hosted_lock (
	name VARCHAR(63) NOT NULL, 
	version INTEGER NOT NULL, 
	lock TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, version)
);
CREATE TABLE arcops_hosted_progress (
	name VARCHAR(63) NOT NULL, 
	number INTEGER NOT NULL, 
	run VARCHAR(64) NOT NULL, 
	version INTEGER NOT NULL, 
	step VARCHAR(16) NOT NULL, 
	said TEXT NOT NULL, 
	began BIGINT NOT NULL, 
	ended BIGINT NOT NULL, 
	outcome VARCHAR(8) NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (name, number)
);
CREATE TABLE arcops_hosted_quota (
	id VARCHAR(64) NOT NULL, 
	server VARCHAR(63) NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	unit VARCHAR(8) NOT NULL, 
	per VARCHAR(8) NOT NULL, 
	amount BIGINT NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_hosted_record (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	began BIGINT NOT NULL, 
	ended BIGINT NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	value DOUBLE, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_hosted_served (
	name VARCHAR(63) NOT NULL, 
	version INTEGER NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, version)
);
CREATE TABLE arcops_hosted_share (
	name VARCHAR(63) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	who VARCHAR(700) NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, kind, who)
);
CREATE TABLE arcops_hosted_state (
	name VARCHAR(63) NOT NULL, 
	host VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	pids TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (name, host)
);
CREATE TABLE arcops_hosted_use (
	day VARCHAR(10) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	host VARCHAR(200) NOT NULL, 
	samples BIGINT NOT NULL, 
	processes BIGINT NOT NULL, 
	memory BIGINT NOT NULL, 
	cpu BIGINT NOT NULL, 
	cpu_peak BIGINT NOT NULL, 
	PRIMARY KEY (day, name, host)
);
CREATE TABLE arcops_hosted_verdict (
	name VARCHAR(63) NOT NULL, 
	lock VARCHAR(80) NOT NULL, 
	launch VARCHAR(80) NOT NULL, 
	artifact VARCHAR(80) NOT NULL, 
	bundle TEXT NOT NULL, 
	tools TEXT NOT NULL, 
	withdrawn TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, lock, launch)
);
CREATE TABLE arcops_hosted_version (
	name VARCHAR(63) NOT NULL, 
	version INTEGER NOT NULL, 
	spec TEXT NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (name, version)
);
CREATE TABLE arcops_invitation (
	id VARCHAR(32) NOT NULL, 
	hash BLOB NOT NULL, 
	ticket BLOB NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	domain VARCHAR(253) NOT NULL, 
	servers TEXT NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	used BIGINT NOT NULL, 
	method VARCHAR(8) NOT NULL, 
	proof VARCHAR(64) NOT NULL, 
	proof_until BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	verified BIGINT NOT NULL, 
	aided INTEGER NOT NULL, 
	revoked BIGINT NOT NULL, 
	ended BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (hash)
);
CREATE TABLE arcops_lease (
	name VARCHAR(200) NOT NULL, 
	holder VARCHAR(200) NOT NULL, 
	epoch BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "arcops_lease" VALUES('work','gone',41,0);
CREATE TABLE arcops_limit (
	"key" VARCHAR(64) NOT NULL, 
	mark BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE arcops_login_key (
	id INTEGER NOT NULL, 
	"key" BLOB NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_mcp_session (
	hash BLOB NOT NULL, 
	owner TEXT NOT NULL, 
	opening TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (hash)
);
CREATE TABLE arcops_receiver (
	name VARCHAR(63) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	address TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	verdicts VARCHAR(200) NOT NULL, 
	kinds TEXT NOT NULL, 
	log TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	failures BIGINT NOT NULL, 
	problem TEXT NOT NULL, 
	told BIGINT NOT NULL, 
	again BIGINT NOT NULL, 
	ended INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE arcops_revocation (
	digest VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	id TEXT NOT NULL, 
	until BIGINT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE arcops_runbook (
	id VARCHAR(32) NOT NULL, 
	template VARCHAR(63) NOT NULL, 
	said TEXT NOT NULL, 
	author TEXT NOT NULL, 
	made BIGINT NOT NULL, 
	artifact VARCHAR(80) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_runbook_step (
	runbook VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	said TEXT NOT NULL, 
	began BIGINT NOT NULL, 
	ended BIGINT NOT NULL, 
	PRIMARY KEY (runbook, number, attempt)
);
CREATE TABLE arcops_session (
	hash BLOB NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	person VARCHAR(255) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	scopes TEXT NOT NULL, 
	roles TEXT NOT NULL, 
	rules BLOB NOT NULL, 
	sid VARCHAR(255) NOT NULL, 
	made BIGINT NOT NULL, 
	seen BIGINT NOT NULL, 
	until BIGINT NOT NULL, acr TEXT DEFAULT '' NOT NULL, amr TEXT DEFAULT '[]' NOT NULL, 
	PRIMARY KEY (hash)
);
CREATE TABLE arcops_task (
	id VARCHAR(64) NOT NULL, 
	owner TEXT NOT NULL, 
	note TEXT NOT NULL, 
	said TEXT NOT NULL, 
	stop BIGINT NOT NULL, 
	alive BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_tenant_mapping (
	id VARCHAR(64) NOT NULL, 
	issuer TEXT NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	person VARCHAR(255) NOT NULL, 
	domain VARCHAR(253) NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	invitation VARCHAR(32) NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE arcops_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT arcops_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "arcops_version" VALUES('0018');
CREATE INDEX arcops_limit_until ON arcops_limit (until);
CREATE INDEX arcops_mcp_session_until ON arcops_mcp_session (until);
CREATE INDEX arcops_config_publication_state ON arcops_config_publication (state);
CREATE INDEX arcops_config_release_client ON arcops_config_release (client, profile, schema);
CREATE INDEX arcops_hosted_record_kind ON arcops_hosted_record (kind, ended);
CREATE INDEX arcops_catalog_version_changed ON arcops_catalog_version (changed);
CREATE INDEX arcops_cost_event_at ON arcops_cost_event (at);
CREATE INDEX arcops_cost_day_day ON arcops_cost_day (day);
CREATE INDEX arcops_invitation_ticket ON arcops_invitation (ticket);
PRAGMA writable_schema=OFF;
COMMIT;
