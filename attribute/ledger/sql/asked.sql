-- What is to be voided: conversion ids, or ids of orders.
CREATE TEMP TABLE asked_ids (id VARCHAR NOT NULL);
