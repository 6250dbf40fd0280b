"""Which attributes an index of studies holds, and of what they are attributes (PS3.18 tables 10.6.3-3 to 10.6.3-5)."""

from __future__ import annotations

USUAL_OF_STUDY = {
    "00080020": "DA",  # StudyDate
    "00080030": "TM",  # StudyTime
    "00080050": "SH",  # AccessionNumber
    "00080090": "PN",  # ReferringPhysicianName
    "00081030": "LO",  # StudyDescription: not in the table, but every viewer lists it
    "00100010": "PN",  # PatientName
    "00100020": "LO",  # PatientID
    "00100030": "DA",  # PatientBirthDate
    "00100040": "CS",  # PatientSex
    "0020000D": "UI",  # StudyInstanceUID
    "00200010": "SH",  # StudyID
}
USUAL_OF_SERIES = {
    "00080060": "CS",  # Modality
    "0008103E": "LO",  # SeriesDescription
    "0020000E": "UI",  # SeriesInstanceUID
    "00200011": "IS",  # SeriesNumber
    "00400244": "DA",  # PerformedProcedureStepStartDate
    "00400245": "TM",  # PerformedProcedureStepStartTime
    "00400275": "SQ",  # RequestAttributesSequence
}
USUAL_OF_INSTANCE = {
    "00080016": "UI",  # SOPClassUID
    "00080018": "UI",  # SOPInstanceUID
    "00200013": "IS",  # InstanceNumber
    "00280008": "IS",  # NumberOfFrames
    "00280010": "US",  # Rows
    "00280011": "US",  # Columns
    "00280100": "US",  # BitsAllocated
}
OF_STUDY = frozenset(USUAL_OF_STUDY) | {
    "00080051",  # IssuerOfAccessionNumberSequence
    "00080201",  # TimezoneOffsetFromUTC
    "00081032",  # ProcedureCodeSequence
    "00081048",  # PhysiciansOfRecord
    "00081060",  # NameOfPhysiciansReadingStudy
    "00081080",  # AdmittingDiagnosesDescription
    "00100021",  # IssuerOfPatientID
    "00100032",  # PatientBirthTime
    "00101000",  # OtherPatientIDs
    "00101001",  # OtherPatientNames
    "00101010",  # PatientAge
    "00101020",  # PatientSize
    "00101030",  # PatientWeight
}
OF_SERIES = frozenset(USUAL_OF_SERIES) | {
    "00080021",  # SeriesDate
    "00080031",  # SeriesTime
    "00080070",  # Manufacturer
    "00080080",  # InstitutionName
    "00081010",  # StationName
    "0008103F",  # SeriesDescriptionCodeSequence
    "00081050",  # PerformingPhysicianName
    "00081090",  # ManufacturerModelName
    "00180015",  # BodyPartExamined
    "00181030",  # ProtocolName
    "00185100",  # PatientPosition
    "00200052",  # FrameOfReferenceUID
    "00200060",  # Laterality
    "00400253",  # PerformedProcedureStepID
    "00400254",  # PerformedProcedureStepDescription
    "00400512",  # ContainerIdentifier
}
VARYING = frozenset(
    {
        "00080018",
        "00080012",  # InstanceCreationDate
        "00080013",  # InstanceCreationTime
        "00080022",  # AcquisitionDate
        "00080023",  # ContentDate
        "0008002A",  # AcquisitionDateTime
        "00080032",  # AcquisitionTime
        "00080033",  # ContentTime
        "00200012",  # AcquisitionNumber
        "00200013",
        "00200032",  # ImagePositionPatient
        "00201041",  # SliceLocation
        "00281050",  # WindowCenter
        "00281051",  # WindowWidth
    }
)
"""Attributes of instances that differ within a series; the others are kept once for all instances that share them."""
OF_INSTANCE = (
    frozenset(USUAL_OF_INSTANCE)
    | VARYING
    | {
        "00080008",  # ImageType
        "00180050",  # SliceThickness
        "00200037",  # ImageOrientationPatient
        "00280002",  # SamplesPerPixel
        "00280004",  # PhotometricInterpretation
        "00280030",  # PixelSpacing
        "00280101",  # BitsStored
        "00280102",  # HighBit
        "00280103",  # PixelRepresentation
        "00281052",  # RescaleIntercept
        "00281053",  # RescaleSlope
        "0040A043",  # ConceptNameCodeSequence
        "0040A491",  # CompletionFlag
        "0040A493",  # VerificationFlag
        "00420010",  # DocumentTitle
        "00480006",  # TotalPixelMatrixColumns
        "00480007",  # TotalPixelMatrixRows
        "00700080",  # ContentLabel
        "00700081",  # ContentDescription
    }
)
