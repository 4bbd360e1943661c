CREATE TABLE `impressions`.`enriched_impression` (
  `event_id` STRING NOT NULL,
  `item` INT NOT NULL,
  `profile_id` BIGINT,
  `country` STRING,
  `title_id` BIGINT,
  `title_name` STRING,
  `title_kind` STRING,
  `artwork_id` STRING,
  `request_id` STRING,
  `platform` STRING,
  `app_version` STRING,
  `device_model` STRING,
  `session_id` STRING,
  `client_ts` TIMESTAMP(6),
  `server_ts` TIMESTAMP(6),
  `event_date` DATE,
  `is_new_title` BOOLEAN,
  `page` STRING,
  `row_index` INT,
  `row_kind` STRING,
  `rank` INT,
  `view_ms` BIGINT,
  `viewed` BOOLEAN,
  `_source` STRING NOT NULL,
  `_partition` INT NOT NULL,
  `_offset` BIGINT NOT NULL,
  `_index` INT NOT NULL,
  `_contract` STRING NOT NULL,
  `_source_contract` STRING NOT NULL,
  `_absences` MAP<STRING, STRING> NOT NULL,
  `_corrections` ARRAY<STRING> NOT NULL,
  `_flags` ARRAY<STRING> NOT NULL
)
COMMENT 'Source of truth for impressions.';

CREATE VIEW `impressions`.`enriched_impression_values` AS
SELECT
  `r`.`event_id` AS `event_id`,
  `r`.`item` AS `item`,
  `r`.`profile_id` AS `profile_id`,
  `r`.`account_country` AS `country`,
  `r`.`title_id` AS `title_id`,
  `title`.`name` AS `title_name`,
  `title`.`kind` AS `title_kind`,
  `r`.`artwork_id` AS `artwork_id`,
  `r`.`request_id` AS `request_id`,
  `r`.`platform` AS `platform`,
  `r`.`app_version` AS `app_version`,
  `r`.`device_model` AS `device_model`,
  `r`.`session_id` AS `session_id`,
  `r`.`client_ts` AS `client_ts`,
  `r`.`server_ts` AS `server_ts`,
  CAST(`r`.`client_ts` AS DATE) AS `event_date`,
  (`title`.`release_date` >= CASE WHEN CAST(`r`.`client_ts` AS DATE) >= DATE '0001-01-29' THEN CAST(`r`.`client_ts` AS DATE) + INTERVAL '-28 00:00:00.000000' DAY(7) TO SECOND(6) END) AS `is_new_title`,
  CASE WHEN (`r`.`surface` = 'ROW') THEN 'home' ELSE TRANSLATE(`r`.`surface`, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') END AS `page`,
  `r`.`row_index` AS `row_index`,
  `r`.`row_kind` AS `row_kind`,
  `r`.`rank` AS `rank`,
  `r`.`view_ms` AS `view_ms`,
  (`r`.`view_ms` >= CAST('1000' AS BIGINT)) AS `viewed`
FROM (
SELECT `event_id`, `item`, `profile_id`, `account_country`, `is_kids`, `title_id`, `artwork_id`, `artwork_locale`, `request_id`, `score`, `platform`, `app_version`, `device_model`, `os_version`, `session_id`, `session_seq`, CASE WHEN ((`client_ts` > `server_ts`)) IS TRUE THEN `server_ts` ELSE `client_ts` END AS `client_ts`, `server_ts`, `surface`, `page_id`, `row_index`, `row_kind`, `rank`, `view_ms`, `autoplay`, `is_internal`
FROM (
SELECT `event_id`, `item`, `profile_id`, `account_country`, `is_kids`, `title_id`, `artwork_id`, `artwork_locale`, `request_id`, `score`, `platform`, `app_version`, `device_model`, `os_version`, `session_id`, `session_seq`, `client_ts`, `server_ts`, `surface`, `page_id`, `row_index`, `row_kind`, `rank`, `view_ms`, `autoplay`, `is_internal` FROM `impressions`.`raw_impression`
WHERE (`is_internal`) IS NOT TRUE
)
) AS `r`
LEFT JOIN `catalog`.`title` AS `title` ON `title`.`title_id` = `r`.`title_id`;
