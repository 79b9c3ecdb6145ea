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
CREATE TABLE arcops_lease (
	name VARCHAR(200) NOT NULL, 
	holder VARCHAR(200) NOT NULL, 
	epoch BIGINT NOT NULL, 
	until BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "arcops_lease" VALUES('work','old-host',41,0);
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
INSERT INTO "arcops_revocation" VALUES('895dad21f0f9f087ae17c57d9383130b13739afc47e293cbaf3e696528d28b56','token','','','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1000,1000);
CREATE TABLE arcops_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT arcops_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "arcops_version" VALUES('0003');
COMMIT;
