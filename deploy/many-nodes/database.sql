-- As postgres, on the primary. The passwords are asked for by \password safeconduct and \password replicator.
CREATE ROLE safeconduct LOGIN;
CREATE ROLE replicator LOGIN REPLICATION;
CREATE DATABASE safeconduct OWNER safeconduct TEMPLATE template0 ENCODING 'UTF8';
